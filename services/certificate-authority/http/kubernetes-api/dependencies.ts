import type { Clock } from "../../../shared/clock.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { CertificateRequests } from "../../domain/ports.ts";
import type { Issuance } from "../../issuance/contract.ts";
import type { WatchRegistry } from "./watch-registry.ts";

export interface CsrApiDependencies {
  readonly requests: CertificateRequests;
  readonly issuance: Pick<Issuance, "create" | "update" | "remove">;
  readonly watches: WatchRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
}
