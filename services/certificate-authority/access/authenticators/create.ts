import type { KeyObject } from "node:crypto";
import type { Clock } from "../../../shared/clock.ts";
import type { Logger } from "../../../shared/logging.ts";
import type { BootstrapTokens } from "../../domain/ports.ts";
import { authenticateBootstrapToken } from "../bootstrap-token-authenticator.ts";
import { type ClientCertificateFields, createCertificateAuthenticator } from "../client-certificate.ts";
import type { Authenticator } from "./authenticator.ts";

export interface AuthenticatorParts {
  readonly tokens: Pick<BootstrapTokens, "find">;
  readonly tokenHashKey: KeyObject;
  /** @throws when the DER is no certificate. */
  readonly readCertificate: (der: Uint8Array) => ClientCertificateFields;
  readonly isRevoked: ((fingerprint: string) => boolean) | undefined;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
}

export function createAuthenticators(parts: AuthenticatorParts): readonly Authenticator[] {
  const { tokens, tokenHashKey, clock } = parts;
  const read = createCertificateAuthenticator(parts);
  return [
    {
      name: "clientCertificate",
      judges: "request",
      authenticate: ({ clientCertificateDer, intermediatesDer }) => {
        if (clientCertificateDer === undefined) return { kind: "nobody" };
        const identity = read(clientCertificateDer, intermediatesDer);
        if (identity.kind === "user" || identity.kind === "nobody") return identity;
        const reason = identity.kind === "foreign" ? "foreign" : identity.reason;
        return { kind: "refused", reason, isLasting: false };
      },
    },
    {
      name: "bootstrapToken",
      judges: "token",
      authenticate: (token) => {
        const user = authenticateBootstrapToken({ tokens, tokenHashKey, clock }, token);
        return user === undefined ? { kind: "nobody" } : { kind: "user", user };
      },
    },
  ];
}
