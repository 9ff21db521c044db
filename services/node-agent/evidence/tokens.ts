import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";
import { boundAudience } from "../../shared/attestation/bind.ts";
import { AgentError } from "../agent-error.ts";
import { askedServer, type Credentials, type ServerAddress } from "../api/asked-server.ts";
import { refusal } from "../api/signing-api.ts";
import type { AnsweredChallenge, EvidenceCollector } from "./collector.ts";
import { readEvidenceFile } from "./evidence-file.ts";
import { metadataService } from "./metadata-service.ts";

const GOOGLE_METADATA = "http://metadata.google.internal";
const GOOGLE_IDENTITY_PATH = "/computeMetadata/v1/instance/service-accounts/default/identity";
/** The shortest that Kubernetes gives. */
const TOKEN_SECONDS = 600;
const COMMAND_MILLISECONDS = 30_000;
const LARGEST_OUTPUT_BYTES = 64 * 1024;
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Source: kubernetes staging/src/k8s.io/api/authentication/v1/types.go (TokenRequest). */
const tokenRequestSchema = z.object({ status: z.object({ token: z.string() }) });

/** A token that something else on this host leaves in a file; it does not cover the challenge. */
export interface TokenFileSource {
  readonly kind: "oidc" | "psat";
  readonly tokenFile: string;
}

/** A program of this host that gets a token for the audience it is given. */
export interface TokenCommandSource {
  readonly kind: "oidc";
  /** Run without a shell; its only argument is the audience, its output the token. */
  readonly program: string;
}

/** The identity token of a Google Compute Engine machine. */
export interface GoogleSource {
  readonly kind: "gcp_iit";
  /** Undefined for Google's own. */
  readonly metadataUrl: URL | undefined;
}

/** A token of a service account that a cluster makes for this challenge. */
export interface TokenRequestSource {
  readonly kind: "psat";
  readonly server: ServerAddress;
  readonly credentials: Credentials;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Which pod it is bound to; the authority tells the node by it. */
  readonly pod: string | undefined;
}

/** Read when it is asked for: whoever leaves it there renews it. */
export function tokenFileEvidence({ kind, tokenFile }: TokenFileSource): EvidenceCollector {
  const read = async (): Promise<string> => (await readEvidenceFile(tokenFile)).toString("utf8");
  return { kind, hello: {}, prove: async () => proofOf(await read(), tokenFile) };
}

export function tokenCommandEvidence({ kind, program }: TokenCommandSource): EvidenceCollector {
  return {
    kind,
    hello: {},
    prove: async ({ bind, audience, signal }) =>
      proofOf(await outputOf(program, boundAudience(audience, bind), signal), program),
  };
}

/** What it says is not repeated, nor kept as a cause: it may hold what it logs in with, or the token. */
async function outputOf(program: string, audience: string, signal: AbortSignal): Promise<string> {
  const limits = { timeout: COMMAND_MILLISECONDS, maxBuffer: LARGEST_OUTPUT_BYTES, signal };
  try {
    return (await promisify(execFile)(program, [audience], limits)).stdout;
  } catch (cause) {
    signal.throwIfAborted();
    const { code, killed } = cause as { readonly code?: unknown; readonly killed?: boolean };
    const how = killed ? `took longer than ${COMMAND_MILLISECONDS / 1000} s` : `ended with ${String(code)}`;
    throw new AgentError("unusable", `${program}, which is to print a token, ${how}`);
  }
}

export function googleEvidence({ metadataUrl }: GoogleSource): EvidenceCollector {
  const service = metadataService("Google Cloud", metadataUrl ?? new URL(GOOGLE_METADATA));
  return {
    kind: "gcp_iit",
    hello: {},
    async prove({ bind, audience, signal }) {
      const query = new URLSearchParams({ audience: boundAudience(audience, bind), format: "full" });
      const headers = { "metadata-flavor": "Google" };
      const token = await service.ask({ path: `${GOOGLE_IDENTITY_PATH}?${query}`, headers }, signal);
      return proofOf(token, "the metadata service of Google Cloud");
    },
  };
}

export function tokenRequestEvidence(source: TokenRequestSource): EvidenceCollector {
  return {
    kind: "psat",
    hello: {},
    prove: async (challenge) => proofOf(await requestToken(source, challenge), source.server.url.origin),
  };
}

async function requestToken(
  { server, credentials, namespace, serviceAccount, pod }: TokenRequestSource,
  { bind, audience, signal }: AnsweredChallenge,
): Promise<string> {
  const body = JSON.stringify({
    ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" },
    spec: {
      audiences: [boundAudience(audience, bind)],
      expirationSeconds: TOKEN_SECONDS,
      ...(pod !== undefined && { boundObjectRef: { apiVersion: "v1", kind: "Pod", name: pod } }),
    },
  });
  const of = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(serviceAccount)}`;
  const answer = await askedServer(server, credentials)({ method: "POST", path: `${of}/token`, body, signal });
  if (answer.status !== 201 && answer.status !== 200) throw refusal(answer, server.url.origin, credentials);
  try {
    return tokenRequestSchema.parse(JSON.parse(answer.text)).status.token;
  } catch {
    throw new AgentError("refused", `${server.url.origin} answered with no TokenRequest`);
  }
}

/** The message does not repeat it. */
function proofOf(text: string, where: string): { readonly token: string } {
  const token = text.trim();
  if (JWT.test(token)) return { token };
  throw new AgentError("unusable", `${where} holds no JSON Web Token`);
}
