import { z } from "zod";
import {
  ATTESTATION_ERROR_CODES,
  type AttestationErrorCode,
  type AttestorKind,
  type ChallengeAnswer,
  type ChallengeRequest,
  type CompleteAnswer,
  type CompleteRequest,
  challengeAnswerSchema,
  completeAnswerSchema,
} from "../../shared/attestation/wire.ts";
import { AgentError, type AgentFailure } from "../agent-error.ts";
import { type Answer, askedServer, type ServerAddress, statusMessage } from "../api/asked-server.ts";

const CHALLENGE_PATH = "/v1/attest/challenge";
const COMPLETE_PATH = "/v1/attest/complete";

const refusalSchema = z.object({
  details: z.object({ causes: z.tuple([z.object({ reason: z.enum(ATTESTATION_ERROR_CODES) })], z.unknown()) }),
});

const FAILURES: Readonly<Record<AttestationErrorCode, AgentFailure>> = {
  bad_request: "refused",
  denied: "denied",
  conflict: "denied",
  slow_down: "unreachable",
};

/** What denials of each attestor are mostly about. */
const COMMON_CAUSES: Readonly<Record<AttestorKind, string>> = {
  join_token: "the token was used or has expired, or is another node's (gatehouse token create --for attestation)",
  x509pop: "the certificate is of another CA, has expired, is revoked, or lacks the usage that the profile asks for",
  sshpop: "the host certificate is of another CA, has expired, or names no node below the configured domain",
  tpm2: "the TPM's vendor is not trusted, its PCRs are not those of the policy, or it is not enrolled (--dry-run shows its id)",
  oidc: "the token's issuer, audience or claims are not those of the profile, or it is too old",
  gcp_iit: "the project is not listed, or the token is too old: compare the clocks",
  psat: "the service account is not listed, or its pod is gone",
  aws_iid: "the account or region is not listed, the instance is older than the profile takes, or has attested before",
  aws_sts: "the account or role is not listed, or the credentials have expired: compare the clocks",
  azure_imds: "the subscription is not listed, or the document is too old: compare the clocks",
};

export interface AttestationApi {
  /** @throws {AgentError} */
  challenge(request: ChallengeRequest, signal: AbortSignal): Promise<ChallengeAnswer>;
  /** @throws {AgentError} */
  complete(request: CompleteRequest, signal: AbortSignal): Promise<CompleteAnswer>;
}

/** The attestation protocol of Gatehouse, whose refusals are put into words. */
export function attestationApi(server: ServerAddress, attestor: AttestorKind): AttestationApi {
  const { origin } = server.url;
  const ask = askedServer(server, undefined);

  async function post<S extends z.ZodType>(schema: S, path: string, request: object, signal: AbortSignal) {
    const answer = await ask({ method: "POST", path, body: JSON.stringify(request), signal });
    if (answer.status !== 200) throw refusalOf(answer, origin, attestor);
    try {
      return schema.parse(JSON.parse(answer.text));
    } catch {
      // What a parser says may quote the credential.
      throw new AgentError("refused", `${origin} answered ${path} with something else; is it of another version?`);
    }
  }

  return {
    challenge: (request, signal) => post(challengeAnswerSchema, CHALLENGE_PATH, request, signal),
    complete: (request, signal) =>
      post(completeAnswerSchema, COMPLETE_PATH, request, signal).catch((error: unknown) => {
        throw uncertain(error);
      }),
  };
}

/** An answer that was lost may have been a good one: the same is not sent twice. */
function uncertain(error: unknown): unknown {
  const isLost = error instanceof AgentError && error.failure === "unreachable" && error.hint === undefined;
  if (!isLost) return error;
  const hint = "Whether the attestation counted is not known: run it again.";
  return new AgentError("refused", error.message, { cause: error, hint });
}

function refusalOf(answer: Answer, origin: string, attestor: AttestorKind): AgentError {
  const { status, text } = answer;
  const code = codeIn(text);
  if (code === undefined) {
    const what = `${origin} answered ${status}: ${statusMessage(text)}`;
    if (status === 404) return new AgentError("refused", what, { hint: "Is attestation configured there?" });
    return new AgentError(status === 429 || status >= 500 ? "unreachable" : "refused", what);
  }
  const [message, hint] = wordsFor(code, attestor);
  return new AgentError(FAILURES[code], `${origin} ${message} (${code})`, { hint });
}

function wordsFor(code: AttestationErrorCode, attestor: AttestorKind): readonly [message: string, hint: string] {
  switch (code) {
    case "bad_request":
      return [
        "could not read the request",
        `Where several profiles take ${attestor}, name one with --profile; else compare the versions of both sides.`,
      ];
    case "denied":
      return [
        `denied the attestation by ${attestor}`,
        `Why stands in its audit trail: gatehouse audit search. Mostly, ${COMMON_CAUSES[attestor]}.`,
      ];
    case "conflict":
      return [
        "has this node's name, or this machine, on record otherwise",
        "See gatehouse machine list; an administrator releases what is gone: gatehouse machine release.",
      ];
    case "slow_down":
      return ["takes no more attestations now", "Try again in a while, or give it longer with --retry."];
    default:
      return code satisfies never;
  }
}

function codeIn(text: string): AttestationErrorCode | undefined {
  try {
    return refusalSchema.parse(JSON.parse(text)).details.causes[0].reason;
  } catch {
    return undefined;
  }
}
