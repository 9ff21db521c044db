import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";

/** A kubeconfig that cannot be used. The message names the file and the entry; keys and tokens are never in it. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
  /** The way out, where the message does not show it. */
  readonly hint: string | undefined;

  constructor(message: string, options: ErrorOptions & { readonly hint?: string } = {}) {
    super(message, options);
    this.hint = options.hint;
  }
}

const text = z.string().nullish();

/**
 * As much of a kubeconfig as we use; other keys are let be, as kubectl does.
 * Source: kubernetes staging/src/k8s.io/client-go/tools/clientcmd/api/v1/types.go.
 */
const kubeconfigSchema = z.object({
  "current-context": text,
  clusters: z
    .array(
      z.object({
        name: z.string(),
        cluster: z.object({
          server: z.string(),
          "certificate-authority": text,
          "certificate-authority-data": text,
          "insecure-skip-tls-verify": z.boolean().nullish(),
          "tls-server-name": text,
          "proxy-url": text,
        }),
      }),
    )
    .nullish(),
  users: z
    .array(
      z.object({
        name: z.string(),
        user: z
          .object({
            "client-certificate": text,
            "client-certificate-data": text,
            "client-key": text,
            "client-key-data": text,
            token: text,
            tokenFile: text,
            username: text,
            exec: z.unknown().optional(),
            "auth-provider": z.unknown().optional(),
          })
          .nullish(),
      }),
    )
    .nullish(),
  contexts: z.array(z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: text }) })).nullish(),
});

export type Kubeconfig = z.infer<typeof kubeconfigSchema>;
type ClusterEntry = NonNullable<Kubeconfig["clusters"]>[number]["cluster"];
type UserEntry = NonNullable<Kubeconfig["users"]>[number]["user"];

/** Where to connect. */
export interface KubeconfigServer {
  readonly url: URL;
  /** Undefined trusts what the system trusts. */
  readonly caPem: string | undefined;
  /** The name to expect in the server's certificate, when it is not the host of `url`. */
  readonly tlsServerName: string | undefined;
  readonly skipsVerification: boolean;
}

/** Who to be. */
export interface KubeconfigCredentials {
  readonly clientCertificatePem: string | undefined;
  readonly clientKeyPem: string | undefined;
  /** The bearer token of now; a token file is read each time, since such tokens are short-lived. */
  readonly token: () => string | undefined;
}

/** An entry and where it was found. */
export interface Place {
  /** The file it is in; relative paths in the entry are relative to its folder. */
  readonly path: string;
  /** What messages call the entry. */
  readonly where: string;
}

/** @throws {KubeconfigError} */
export function readKubeconfig(path: string): Kubeconfig {
  return parseKubeconfig(readText(path, `cannot read the kubeconfig ${path}`), path);
}

/** @param path - where it is from, for messages. @throws {KubeconfigError} */
export function parseKubeconfig(content: string, path: string): Kubeconfig {
  const lineCounter = new LineCounter();
  const document = parseDocument(content, { lineCounter, prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    // The parser's own words may quote the line, and with it a key or a token.
    const { line, col } = lineCounter.linePos(problem.pos[0]);
    throw new KubeconfigError(`${path} is not valid YAML (${problem.code} at line ${line}, column ${col})`);
  }
  const result = kubeconfigSchema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (!result.success) throw new KubeconfigError(`${path} is not a kubeconfig:\n${z.prettifyError(result.error)}`);
  return result.data;
}

/** @throws {KubeconfigError} when this is no https server or a file it names cannot be read. */
export function serverOf(cluster: ClusterEntry, { path, where }: Place): KubeconfigServer {
  if (!URL.canParse(cluster.server)) throw new KubeconfigError(`${where}: server "${cluster.server}" is no URL`);
  const url = new URL(cluster.server);
  if (url.protocol !== "https:") {
    const hint = "Credentials travel over TLS only.";
    throw new KubeconfigError(`${where}: server "${cluster.server}" is not https`, { hint });
  }
  if (cluster["proxy-url"]) throw new KubeconfigError(`${where}: proxy-url is not supported`);
  return {
    url,
    caPem: dataOrFile({ path, where }, cluster["certificate-authority-data"], cluster["certificate-authority"]),
    tlsServerName: cluster["tls-server-name"] || undefined,
    skipsVerification: cluster["insecure-skip-tls-verify"] ?? false,
  };
}

/** @throws {KubeconfigError} for ways to log in that we do not know, half a key pair or a file that cannot be read. */
export function credentialsOf(user: UserEntry, place: Place): KubeconfigCredentials {
  if (user === undefined || user === null) return ANONYMOUS;
  const foreign = (["exec", "auth-provider", "username"] as const).filter((key) => user[key]);
  if (foreign.length > 0) {
    throw new KubeconfigError(`${place.where}: ${foreign.join(" and ")} cannot be used here`, {
      hint: "Use a kubeconfig with a client certificate or a token.",
    });
  }
  const { token, tokenFile } = user;
  const readToken = () => token || dataOrFile(place, undefined, tokenFile)?.trim();
  readToken();
  const clientCertificatePem = dataOrFile(place, user["client-certificate-data"], user["client-certificate"]);
  const clientKeyPem = dataOrFile(place, user["client-key-data"], user["client-key"]);
  if ((clientCertificatePem === undefined) !== (clientKeyPem === undefined)) {
    throw new KubeconfigError(`${place.where}: a client certificate and its key must be given together`);
  }
  return { clientCertificatePem, clientKeyPem, token: readToken };
}

const ANONYMOUS: KubeconfigCredentials = {
  clientCertificatePem: undefined,
  clientKeyPem: undefined,
  token: () => undefined,
};

/** Inline data wins over a file, as in kubectl. */
function dataOrFile({ path, where }: Place, data: string | null | undefined, file: string | null | undefined) {
  if (data) return Buffer.from(data, "base64").toString();
  return file ? readText(resolve(dirname(path), file), where) : undefined;
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new KubeconfigError(`${what}: ${(cause as Error).message}`, { cause });
  }
}
