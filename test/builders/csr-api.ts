import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import type { CertificateRequests } from "../../services/certificate-authority/domain/ports.ts";
import {
  createWatchRegistry,
  routes,
  type WatchRegistry,
} from "../../services/certificate-authority/http/kubernetes-api/routes.ts";
import { ADMINISTRATOR, appOf } from "./edge.ts";
import { buildIssuance, type IssuanceArguments, type IssuanceHarness } from "./issuance.ts";

export const CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
export const PROTOBUF = "application/vnd.kubernetes.protobuf";

/** What `ADMINISTRATOR` needs to write `/approval` and `/status` of every usual signer. */
const MAY_DECIDE = ["approve", "sign"].flatMap((verb) =>
  ["kube-apiserver-client-kubelet", "kubelet-serving", "kube-apiserver-client"].map(
    (signer) => `${ADMINISTRATOR.username} ${verb} signers kubernetes.io/${signer}`,
  ),
);

export interface CsrApi extends IssuanceHarness {
  readonly app: ReturnType<typeof appOf>;
  readonly watches: WatchRegistry;
}

export interface CsrApiArguments extends IssuanceArguments {
  readonly maxWatches?: number;
  readonly maxBufferBytes?: number;
  /** Methods of the store that behave differently from the fake's. */
  readonly store?: Partial<CertificateRequests>;
}

/** The API over real issuance and fakes below it, as `ADMINISTRATOR`. The work queue stands still. */
export function csrApi(args: CsrApiArguments = {}): CsrApi {
  const harness = buildIssuance({ allowed: MAY_DECIDE, ...args });
  const { maxWatches = 10, maxBufferBytes = 1024 * 1024 } = args;
  const watches = createWatchRegistry({ maxWatches, maxBufferBytes });
  const { issuance, clock } = harness;
  const requests = { ...harness.requests, ...args.store };
  const app = appOf(routes({ requests, issuance, watches, clock, logger: silent }));
  return { ...harness, app, watches };
}

const silent = pino({ level: "silent" });

/** The app on a port of its own, for answers that do not end. */
export async function listening(app: CsrApi["app"]): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server: Server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
