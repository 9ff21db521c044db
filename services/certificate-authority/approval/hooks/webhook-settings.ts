import { BlockList, isIP } from "node:net";
import { z } from "zod";

const path = z.string().min(1).max(4096);
const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "must be the name of an environment variable");

/** Headers that we write ourselves, or that would change what the message is. */
const OWN_HEADERS = /^(host|content-.*|transfer-encoding|connection|expect|upgrade|te|trailer|gatehouse-.*)$/i;
/** Headers whose values are secrets. */
const SECRET_HEADERS = /^(authorization|proxy-authorization|cookie)$/i;

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, "must be the name of a header")
  .refine((name) => !OWN_HEADERS.test(name), "is a header that we write ourselves");
const headerValue = z.union([
  z
    .string()
    .max(4096)
    .regex(/^[\x20-\x7e]*$/, "must be printable ASCII"),
  z.strictObject({ file: path }),
  z.strictObject({ environment: variableName }),
]);

const hmacSchema = z
  .strictObject({
    /** The shared secret; surrounding white space does not count. Read again when it changes. */
    secretFile: path.optional(),
    secretEnvironment: variableName.optional(),
    /** Answers have to be signed with the secret too. */
    verifyAnswers: z.boolean().default(false),
  })
  .refine(
    ({ secretFile, secretEnvironment }) => (secretFile === undefined) !== (secretEnvironment === undefined),
    "needs secretFile or secretEnvironment, not both",
  );

/** How a service is told something, whatever it is told. */
export const tellingShape = {
  url: z
    .string()
    .max(2048)
    .refine((text) => URL.canParse(text), "must be a URL"),
  /** CAs that the service's certificate may come from; what the system trusts when absent. Read again when it changes. */
  certificateAuthorityFile: path.optional(),
  /** Shown to the service. Both are read again when they change. */
  clientCertificateFile: path.optional(),
  clientKeyFile: path.optional(),
  hmac: hmacSchema.optional(),
  /** Further headers; secret values come from files or our environment. */
  headers: z.record(headerName, headerValue).default({}),
  answerLimitBytes: z.int().min(256).max(1_048_576).default(65_536),
  /** Less safe: the URL may be `http:`, to loopback. */
  allowPlainHttp: z.boolean().default(false),
  /** Less safe: the service cannot tell us from others. */
  allowUnauthenticated: z.boolean().default(false),
};

/** What a hook of kind `webhook` is told besides what every hook outside is told. */
export const webhookShape = {
  ...tellingShape,
  /** `opa`: asks an Open Policy Agent by its REST data API. */
  format: z.enum(["gatehouse", "opa"]).default("gatehouse"),
  /** How often it is asked again, within the time limit, when it cannot be reached or answers 5xx or 429. */
  retries: z.int().min(0).max(10).default(2),
  /** After so many failures in a row it is not asked for some time. */
  circuitBreaker: z
    .strictObject({
      failures: z.int().min(1).max(10_000).default(5),
      openSeconds: z.number().min(0.1).max(3600).default(30),
    })
    .prefault({}),
};

const tellingSchema = z.strictObject(tellingShape);
const webhookSchema = z.strictObject(webhookShape);

export type TellingSettings = z.infer<typeof tellingSchema>;
export type WebhookSettings = z.infer<typeof webhookSchema>;
export type HeaderSetting = TellingSettings["headers"][string];

/** What no single setting shows. */
export function checkWebhook(settings: TellingSettings, context: Pick<z.core.$RefinementCtx, "addIssue">): void {
  const complain = (key: string, message: string): void =>
    context.addIssue({ code: "custom", path: [key], message, input: undefined });
  const urlProblem = problemOfUrl(settings);
  if (urlProblem !== undefined) complain("url", urlProblem);
  const { clientCertificateFile, clientKeyFile, hmac, headers, allowUnauthenticated } = settings;
  if ((clientCertificateFile === undefined) !== (clientKeyFile === undefined))
    complain("clientCertificateFile", "needs clientKeyFile beside it, and the other way round");
  for (const [name, value] of Object.entries(headers))
    if (SECRET_HEADERS.test(name) && typeof value === "string")
      complain("headers", `${name} is a secret: name a file or an environment variable that holds it`);
  const isKnown = clientCertificateFile !== undefined || hmac !== undefined;
  if (!isKnown && !allowUnauthenticated)
    complain(
      "hmac",
      "the service could not tell us from others: set hmac or clientCertificateFile, or allowUnauthenticated",
    );
}

function problemOfUrl({ url, allowPlainHttp }: TellingSettings): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, username, password, hash, hostname } = new URL(url);
  if (username !== "" || password !== "") return "must hold no user and no password";
  if (hash !== "") return "must have no fragment";
  if (protocol === "https:") return undefined;
  if (protocol !== "http:") return "must be an https URL";
  if (!isLoopback(hostname)) return "must be an https URL; http is for loopback only";
  return allowPlainHttp ? undefined : "is not https; set allowPlainHttp to talk to loopback in the clear";
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

function isLoopback(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  const family = isIP(address);
  return family === 0 ? address === "localhost" : LOOPBACK.check(address, family === 4 ? "ipv4" : "ipv6");
}

/** @param absolute - resolves a path of the configuration file. */
export function resolveWebhookPaths<T extends TellingSettings>(settings: T, absolute: (path: string) => string): T {
  const { certificateAuthorityFile, clientCertificateFile, clientKeyFile, hmac } = settings;
  const headers = Object.entries(settings.headers).map(([name, value]) => {
    const isFile = typeof value === "object" && "file" in value;
    return [name, isFile ? { file: absolute(value.file) } : value] as const;
  });
  return {
    ...settings,
    headers: Object.fromEntries(headers),
    ...(certificateAuthorityFile !== undefined && { certificateAuthorityFile: absolute(certificateAuthorityFile) }),
    ...(clientCertificateFile !== undefined && { clientCertificateFile: absolute(clientCertificateFile) }),
    ...(clientKeyFile !== undefined && { clientKeyFile: absolute(clientKeyFile) }),
    ...(hmac?.secretFile !== undefined && { hmac: { ...hmac, secretFile: absolute(hmac.secretFile) } }),
  };
}

/** The less safe choices among the settings, one sentence each. */
export function webhookRelaxations({
  allowPlainHttp,
  allowUnauthenticated,
  url,
  hmac,
}: TellingSettings): readonly string[] {
  const isPlain = allowPlainHttp && url.startsWith("http:");
  const isOpen = isPlain && hmac?.verifyAnswers !== true;
  return [
    ...(isPlain ? ["webhook.allowPlainHttp is set: requests are told in the clear"] : []),
    ...(isOpen
      ? ["webhook.allowPlainHttp is set without hmac.verifyAnswers: whoever has the port decides on certificates"]
      : []),
    ...(allowUnauthenticated && hmac === undefined
      ? ["webhook.allowUnauthenticated is set: the service may not know who asks"]
      : []),
  ];
}
