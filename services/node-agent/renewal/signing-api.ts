import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { z } from "zod";
import { RenewalError } from "./renewal-error.ts";

const PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const TIMEOUT_MILLISECONDS = 30_000;
const LARGEST_ANSWER_BYTES = 4 * 1024 * 1024;
const LONGEST_MESSAGE = 500;
const UNSAFE = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** Source: kubernetes staging/src/k8s.io/api/certificates/v1/types.go. */
const requestSchema = z.object({
  metadata: z.object({ name: z.string(), uid: z.string() }),
  status: z
    .object({
      conditions: z
        .array(z.object({ type: z.string(), reason: z.string().optional(), message: z.string().optional() }))
        .nullish(),
      certificate: z.string().nullish(),
    })
    .nullish(),
});

const statusSchema = z.object({ message: z.string() });

export type SigningRequest = z.infer<typeof requestSchema>;

export interface NewSigningRequest {
  readonly requestPem: string;
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly expirationSeconds: number | undefined;
}

/** Where requests are made, and as whom. */
export interface SigningServer {
  readonly url: URL;
  /** Undefined trusts what the system trusts. */
  readonly caPem: string | undefined;
  /** The name to expect in the server's certificate, when it is not the host of `url`. */
  readonly serverName: string | undefined;
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface SigningApi {
  /** @throws {RenewalError} `unreachable` when trying again may help, else `refused`. */
  create(wanted: NewSigningRequest): Promise<SigningRequest>;
  /** @returns undefined when there is none of that name; @throws as `create`. */
  get(name: string): Promise<SigningRequest | undefined>;
}

/** `certificates.k8s.io/v1` of kube-apiserver or Gatehouse, as far as a renewal needs it. */
export function signingApi(server: SigningServer): SigningApi {
  return {
    async create({ requestPem, signerName, usages, expirationSeconds }) {
      const body = {
        apiVersion: "certificates.k8s.io/v1",
        kind: "CertificateSigningRequest",
        metadata: { generateName: "renew-" },
        spec: {
          ...{ request: Buffer.from(requestPem).toString("base64"), signerName, usages },
          ...(expirationSeconds !== undefined && { expirationSeconds }),
        },
      };
      const created = await ask(server, "POST", PATH, JSON.stringify(body));
      if (created === undefined) throw new RenewalError("refused", `${server.url.origin} has no ${PATH}`);
      return created;
    },
    get: (name) => ask(server, "GET", `${PATH}/${encodeURIComponent(name)}`),
  };
}

/** @returns undefined for 404. */
async function ask(
  server: SigningServer,
  method: "GET" | "POST",
  path: string,
  body?: string,
): Promise<SigningRequest | undefined> {
  const { origin } = server.url;
  const { status, text } = await exchange(server, method, path, body).catch((cause: unknown) => {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new RenewalError("unreachable", `cannot ask ${origin}: ${message || code || "no answer"}`, { cause });
  });
  if (status === 404) return undefined;
  if (status === 200 || status === 201) return parse(text, origin);
  const what = `${origin} answered ${status}: ${statusMessage(text)}`;
  if (status === 429 || status >= 500) throw new RenewalError("unreachable", what);
  const hint = status === 401 ? "; has the certificate expired, or been revoked?" : "";
  throw new RenewalError("refused", `${what}${hint}`);
}

async function exchange(
  { url, caPem, serverName, certificatePem, keyPem }: SigningServer,
  method: "GET" | "POST",
  path: string,
  body: string | undefined,
): Promise<{ readonly status: number; readonly text: string }> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        ...{ method, host, port: url.port || 443, path: `${url.pathname.replace(/\/$/, "")}${path}` },
        // A connection that was made with the former certificate would go on to say who that was.
        agent: false,
        minVersion: "TLSv1.2",
        cert: certificatePem,
        key: keyPem,
        ...(caPem !== undefined && { ca: caPem }),
        // An address is no name to send in SNI (RFC 6066 section 3).
        servername: serverName ?? (isIP(host) ? "" : host),
        signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
        headers: {
          accept: "application/json",
          "user-agent": "gatehouse-renew",
          ...(body !== undefined && { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
        },
      },
      resolve,
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_ANSWER_BYTES) throw new Error(`it answered more than ${LARGEST_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { status: answer.statusCode ?? 0, text: Buffer.concat(chunks, size).toString("utf8") };
}

function parse(text: string, origin: string): SigningRequest {
  try {
    return requestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RenewalError("refused", `${origin} answered with no CertificateSigningRequest`, { cause });
  }
}

/** The message of a Status, safe to print. */
function statusMessage(text: string): string {
  try {
    return safe(statusSchema.parse(JSON.parse(text)).message);
  } catch {
    return "no Status";
  }
}

/** What others say, bounded and without what could move a terminal's cursor. */
export function safe(text: string): string {
  return text.slice(0, LONGEST_MESSAGE).replace(UNSAFE, " ");
}
