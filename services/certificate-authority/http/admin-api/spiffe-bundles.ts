import { X509Certificate } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../../../shared/clock.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { Issuers } from "../../domain/ports.ts";
import { bundleSequence, type TrustDomains } from "../../domain/spiffe-bundle.ts";
import { trustAnchors } from "../../domain/trust.ts";
import type { Call, Handler } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { sendTagged } from "./tagged-answer.ts";
import { pathParameter, readQuery } from "./validation.ts";

/** The answer of `GET /v1/spiffe/bundles/{trustDomain}`: a JWK Set, as SPIFFE has it. */
export const spiffeBundle = z.object({
  spiffe_sequence: z.int().describe("Grows whenever the keys change."),
  spiffe_refresh_hint: z.int().describe("Seconds after which to look again."),
  keys: z.array(
    z.looseObject({
      kty: z.string(),
      use: z.literal("x509-svid"),
      x5c: z.array(z.string()).length(1).describe("One CA certificate, base64 of the DER."),
    }),
  ),
});

export interface SpiffeBundleDependencies {
  readonly issuers: Pick<Issuers, "list">;
  readonly trustDomains: TrustDomains;
  readonly clock: Clock;
}

/**
 * Whom to trust for the X.509-SVIDs of a trust domain: the roots above its issuers, in all slots.
 *
 * Source: SPIFFE Trust Domain and Bundle section 4; X509-SVID section 6.
 */
export function spiffeBundleHandler({ issuers, trustDomains, clock }: SpiffeBundleDependencies): Handler {
  return async (call: Call): Promise<void> => {
    readQuery(z.strictObject({}), call.query);
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const name = pathParameter(call, 2);
    const domain = trustDomains.get(name);
    if (domain === undefined) {
      const details = { kind: "spiffe-bundles", name };
      throw new StatusError("NotFound", "no signer of that trust domain is configured", { details });
    }
    const now = clock.now();
    const records = (await issuers.list()).filter((record) => domain.issuerNames.includes(record.name));
    const bundle: z.infer<typeof spiffeBundle> = {
      spiffe_sequence: bundleSequence(records, now),
      spiffe_refresh_hint: domain.refreshHintSeconds,
      keys: trustAnchors(records, now).map(keyOf),
    };
    sendTagged(call, JSON_TYPE, Buffer.from(JSON.stringify(bundle)));
  };
}

function keyOf(certificatePem: string): z.infer<typeof spiffeBundle>["keys"][number] {
  const { publicKey, raw } = new X509Certificate(certificatePem);
  const { kty = "", ...parameters } = publicKey.export({ format: "jwk" });
  return { kty, use: "x509-svid", ...parameters, x5c: [raw.toString("base64")] };
}
