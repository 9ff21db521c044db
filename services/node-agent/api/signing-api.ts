import { z } from "zod";
import { AgentError } from "../agent-error.ts";
import {
  type Answer,
  type AskedServer,
  askedServer,
  type Credentials,
  type ServerAddress,
  statusMessage,
} from "./asked-server.ts";

const PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/** Source: kubernetes staging/src/k8s.io/api/certificates/v1/types.go. */
const requestSchema = z.object({
  metadata: z.object({ name: z.string(), uid: z.string() }),
  spec: z.object({ request: z.string(), signerName: z.string() }),
  status: z
    .object({
      conditions: z
        .array(z.object({ type: z.string(), reason: z.string().optional(), message: z.string().optional() }))
        .nullish(),
      certificate: z.string().nullish(),
    })
    .nullish(),
});

export type SigningRequest = z.infer<typeof requestSchema>;

export interface NewSigningRequest {
  /** Undefined has the server choose one that begins with `renew-`. */
  readonly name?: string;
  readonly requestPem: string;
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly expirationSeconds: number | undefined;
}

export interface SigningApi {
  /**
   * @returns the request, or the one of that name that was there already.
   * @throws {AgentError} `unreachable` when trying again may help, `untrusted`, else `refused`.
   */
  create(wanted: NewSigningRequest): Promise<SigningRequest>;
  /** @returns undefined when there is none of that name; @throws as `create`. */
  get(name: string): Promise<SigningRequest | undefined>;
}

/** `certificates.k8s.io/v1` of kube-apiserver or Gatehouse, as far as a node needs it. */
export function signingApi(server: ServerAddress, credentials: Credentials): SigningApi {
  const { origin } = server.url;
  const ask = askedServer(server, credentials);
  const get = async (name: string): Promise<SigningRequest | undefined> =>
    requestIn(await ask({ method: "GET", path: `${PATH}/${encodeURIComponent(name)}` }), origin, credentials);
  return {
    get,
    async create({ name, ...wanted }) {
      const answer = await post(ask, name, wanted);
      const isTaken = answer.status === 409 && name !== undefined;
      const found = isTaken ? await get(name) : requestIn(answer, origin, credentials);
      if (found === undefined) throw new AgentError("refused", `${origin} has no ${PATH}`);
      return found;
    },
  };
}

function post(
  ask: AskedServer,
  name: string | undefined,
  { requestPem, signerName, usages, expirationSeconds }: Omit<NewSigningRequest, "name">,
): Promise<Answer> {
  const body = {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: name === undefined ? { generateName: "renew-" } : { name },
    spec: {
      ...{ request: Buffer.from(requestPem).toString("base64"), signerName, usages },
      ...(expirationSeconds !== undefined && { expirationSeconds }),
    },
  };
  return ask({ method: "POST", path: PATH, body: JSON.stringify(body) });
}

/** @returns undefined for 404. */
function requestIn({ status, text }: Answer, origin: string, credentials: Credentials): SigningRequest | undefined {
  if (status === 404) return undefined;
  if (status === 200 || status === 201) return parse(text, origin);
  throw refusal({ status, text }, origin, credentials);
}

/** What an answer that is no success means: trying again may help, or not. */
export function refusal(
  { status, text }: Pick<Answer, "status" | "text">,
  origin: string,
  credentials: Credentials,
): AgentError {
  const what = `${origin} answered ${status}: ${statusMessage(text)}`;
  if (status === 429 || status >= 500) return new AgentError("unreachable", what);
  return new AgentError("refused", status === 401 ? `${what}; ${doubt(credentials)}` : what);
}

function doubt(credentials: Credentials): string {
  if (credentials !== undefined && "token" in credentials) return "has the token expired, or been deleted?";
  return "has the certificate expired, or been revoked?";
}

function parse(text: string, origin: string): SigningRequest {
  try {
    return requestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AgentError("refused", `${origin} answered with no CertificateSigningRequest`, { cause });
  }
}
