import { createHmac, generateKeyPairSync, randomBytes } from "node:crypto";
import { createJoinTokenAttestor } from "../../services/certificate-authority/attestation/join-token/attestor.ts";
import type { Profile } from "../../services/certificate-authority/attestation/judgement.ts";
import {
  type AttestationDependencies,
  createAttestationService,
} from "../../services/certificate-authority/attestation/service.ts";
import {
  type AttestationSettings,
  attestationSchema,
} from "../../services/certificate-authority/attestation/settings.ts";
import type { Attestations } from "../../services/certificate-authority/domain/attestation.ts";
import { bindOf } from "../../services/shared/attestation/bind.ts";
import { joinTokenKey, signPossession } from "../../services/shared/attestation/possession.ts";
import type { ChallengeAnswer } from "../../services/shared/attestation/wire.ts";
import { octetsOf } from "../../services/shared/attestation/wire.ts";
import type { Clock } from "../../services/shared/clock.ts";
import { recordingLogger } from "../fakes/recording-logger.ts";
import { attestationGrant } from "./attestation.ts";
import { ATTESTATION_AUDIENCE } from "./proof-input.ts";

const TOKEN_ID = "abcdef";
const SECRET = "0123456789abcdef";
/** What the token is for. */
export const JOINED_NODE = "node-1";

/** Knows one token, for `JOINED_NODE`, which no ledger has. */
function joinTokenAttestor(): Profile["attestor"] {
  const attestor = createJoinTokenAttestor((id) =>
    id === TOKEN_ID
      ? { id, key: joinTokenKey(SECRET), nodeName: JOINED_NODE, expiresAt: new Date("2100-01-01T00:00:00Z") }
      : undefined,
  );
  return {
    async verify(input) {
      const { consumes: _none, ...evidence } = await attestor.verify(input);
      return evidence;
    },
  };
}

/** The protocol with one profile for join tokens, over a ledger's attestations. */
export function attestationService(
  attestations: Attestations,
  clock: Clock,
  changes: Partial<Pick<AttestationSettings, "limits">> & Partial<AttestationDependencies> = {},
) {
  const { limits, ...others } = changes;
  const profile = { name: "tokens", attestor: "join_token" as const };
  const given = { audience: ATTESTATION_AUDIENCE, profiles: [profile], ...(limits && { limits }) };
  const settings = attestationSchema.parse(given);
  const [parsed] = settings.profiles;
  if (parsed === undefined) throw new Error("no profile");
  return createAttestationService({
    ...{ settings, attestations, clock, logger: recordingLogger().logger, sealKey: randomBytes(32) },
    profiles: [{ settings: parsed, attestor: joinTokenAttestor() }],
    nodes: undefined,
    isKubeletCertificate: async () => false,
    credentials: {
      make: async ({ now }) => ({
        grant: attestationGrant(now),
        answer: { kubeconfig: "" },
        discard: async () => undefined,
      }),
    },
    observe: () => undefined,
    ...others,
  });
}

/** A machine with a bootstrap key and the token. */
export function tokenHolder() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const hello = { tokenId: TOKEN_ID };
  return {
    wish: { v: 1 as const, attestor: "join_token" as const, spki: spki.toString("base64url"), hello },
    /** A right answer, or one that was made with another secret. */
    answer({ challenge, nonce, audience }: Pick<ChallengeAnswer, "challenge" | "nonce" | "audience">, secret = SECRET) {
      const bind = bindOf({ audience, attestor: "join_token", nonce: octetsOf(nonce), nodeName: "", spki });
      const mac = createHmac("sha256", joinTokenKey(secret)).update(bind).digest("base64url");
      const keySig = signPossession(privateKey, "bootstrap-key", bind).toString("base64url");
      return { challenge, spki: spki.toString("base64url"), hello, keySig, proof: { mac } };
    },
  };
}
