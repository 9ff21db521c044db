import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  daysBetween,
  error,
  type Finding,
  inDays,
  messageOf,
  ok,
  warning,
} from "../../../shared/diagnosis/findings.ts";
import { httpsExchange } from "../../../shared/https-exchange.ts";
import { parseJwks, parsePublicKeys } from "../../../shared/jwt/key-set.ts";
import { RemoteKeySet } from "../../../shared/jwt/remote-key-set.ts";
import { readWebhookKubeconfig } from "../../../shared/kubernetes/webhook-kubeconfig.ts";
import { reviewTargetOf } from "../../access/authenticators/review-target.ts";
import type { AuthenticatorSettings } from "../../access/authenticators/settings.ts";
import { parseTokenFile } from "../../access/authenticators/token-file.ts";
import { trustAnchorsOf } from "../../access/authenticators/trust-anchors.ts";
import type { Check, CheckContext } from "../contract.ts";
import { silentLogger } from "../silent-logger.ts";
import { webhookFinding } from "../webhook.ts";
import { withConfiguration } from "../with-configuration.ts";
import { certificateFinding } from "./expiry.ts";

const FETCH_MILLISECONDS = 5_000;
const MAXIMUM_BYTES = 512 * 1024;
const SOON_DAYS = 14;
/** Providers change their keys every few months; a file does not follow them. */
const OLD_KEYS_DAYS = 90;
const WRITABLE_BY_OTHERS = 0o022;
const CORRECT = "correct the file; the server does not start with it";

type Settings<Kind extends keyof AuthenticatorSettings> = NonNullable<AuthenticatorSettings[Kind]>;

export const authentication: Check = {
  id: "authentication.settings",
  title: "who may call: each authenticator's files, keys and servers",
  run: (context, signal) =>
    withConfiguration(context, "authentication", async ({ authentication: entries }) => {
      const all = await Promise.all(
        entries.map((entry, index) => entryFindings(entry, `authentication[${index}]`, context, signal)),
      );
      const found = all.flat();
      if (!entries.some(({ clientCertificate }) => clientCertificate !== undefined))
        found.push(
          warning(
            "authentication",
            "has no clientCertificate: nodes cannot renew, and admin.kubeconfig lets nobody in",
            "add { clientCertificate: {} }",
          ),
        );
      return found;
    }),
};

async function entryFindings(
  entry: AuthenticatorSettings,
  path: string,
  context: CheckContext,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { tokenFile, jwt, serviceAccount, tokenReview, frontProxy } = entry;
  const subject = `${path}.${Object.keys(entry)[0] ?? ""}`;
  try {
    if (tokenFile) return tokenFileFindings(tokenFile.file, context);
    if (jwt) return await jwtFindings(jwt, subject, context);
    if (serviceAccount) return serviceAccountFindings(serviceAccount, subject);
    if (tokenReview) return [await webhookFinding(subject, () => reviewTargetOf(tokenReview), signal)];
    if (frontProxy) return frontProxyFindings(frontProxy.certificateAuthorityFile, context);
    return [ok(subject, "needs nothing besides the ledger and the CA")];
  } catch (thrown) {
    return [error(subject, messageOf(thrown), CORRECT)];
  }
}

function tokenFileFindings(file: string, { clock }: CheckContext): readonly Finding[] {
  const entries = [...parseTokenFile(readFileSync(file, "utf8")).values()];
  const found: Finding[] = [];
  if ((statSync(file).mode & WRITABLE_BY_OTHERS) !== 0)
    found.push(error(file, "others than its owner may write it, and so let themselves in", `chmod go-w ${file}`));
  const now = clock.now();
  for (const { id, user, expires } of entries) {
    if (expires === undefined) continue;
    const days = daysBetween(now, new Date(expires));
    const renew = `gatehouse token hash --user ${user}, and put the new line in the place of ${id}`;
    if (new Date(expires) <= now)
      found.push(warning(file, `the token ${id} of ${user} expired ${inDays(days)}`, renew));
    else if (days < SOON_DAYS) found.push(warning(file, `the token ${id} of ${user} expires ${inDays(days)}`, renew));
  }
  return found.length > 0 ? found : [ok(file, `${entries.length} tokens, none expires soon`)];
}

async function jwtFindings(
  { issuer, claimMappings, jwksFile }: Settings<"jwt">,
  subject: string,
  { clock }: CheckContext,
): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (const [name, mapping] of Object.entries({ username: claimMappings.username, groups: claimMappings.groups })) {
    if (mapping?.prefix !== "") continue;
    const text = "is empty: this issuer's names can meet those of others";
    found.push(
      warning(`${subject}.claimMappings.${name}.prefix`, text, 'give it a prefix of its own, such as "oidc:"'),
    );
  }
  if (jwksFile !== undefined) return [...found, keysFileFinding(jwksFile, clock.now())];
  const { url, discoveryURL, certificateAuthority: caPem } = issuer;
  if (caPem !== undefined) trustAnchorsOf(caPem, `certificateAuthority of ${url}`);
  const exchange = httpsExchange({ caPem, timeoutMilliseconds: FETCH_MILLISECONDS, maximumBytes: MAXIMUM_BYTES });
  const keys = new RemoteKeySet({ issuer: url, discoveryUrl: discoveryURL, exchange, clock, logger: silentLogger });
  try {
    await keys.current();
    return [...found, ok(`${subject} ${url}`, "answers with its keys")];
  } catch (thrown) {
    const wayOut = "correct issuer.url, discoveryURL or certificateAuthority, or the network; nobody of it can log in";
    return [...found, error(`${subject} ${url}`, messageOf(thrown), wayOut)];
  }
}

function keysFileFinding(file: string, now: Date): Finding {
  parseJwks(readFileSync(file, "utf8"));
  const days = daysBetween(statSync(file).mtime, now);
  if (days < OLD_KEYS_DAYS) return ok(file, "has keys for signatures");
  return warning(file, `was last changed ${days} days ago`, "fetch the issuer's keys again, or leave jwksFile out");
}

function serviceAccountFindings(
  { keyFiles = [], jwksFile }: Settings<"serviceAccount">,
  subject: string,
): readonly Finding[] {
  if (jwksFile === undefined) parsePublicKeys(keyFiles.map((file) => readFileSync(file, "utf8")));
  else parseJwks(readFileSync(jwksFile, "utf8"));
  return [
    warning(
      subject,
      "tokens are good until they expire, whatever the cluster deletes meanwhile",
      "use tokenReview instead, which asks the cluster; or keep tokens short-lived",
    ),
  ];
}

function frontProxyFindings(file: string, { dataDirectory, clock }: CheckContext): readonly Finding[] {
  const pem = readFileSync(file, "utf8");
  const proxies = trustAnchorsOf(pem, file);
  const own = readOptional(join(dataDirectory, "ca.crt"));
  if (own !== undefined && proxies.sharesKeyWith(trustAnchorsOf(own, "ca.crt"))) {
    const text = "holds the cluster's own CA, whose clients could then speak for everybody";
    return [error(file, text, "give front proxies a CA of their own")];
  }
  return [certificateFinding(file, new X509Certificate(pem), clock.now(), "renew the front proxies' CA")];
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

export const authorization: Check = {
  id: "authorization.webhooks",
  title: "authorization webhooks can be reached and are trusted",
  run: (context, signal) =>
    withConfiguration(context, "authorization", async ({ authorization: authorizers }) => {
      const webhooks = authorizers.flatMap((authorizer) => (authorizer.type === "Webhook" ? [authorizer] : []));
      if (webhooks.length === 0) return [ok("authorization", "RBAC alone decides")];
      return Promise.all(
        webhooks.map(({ name, kubeconfigFile }) =>
          webhookFinding(`authorization ${name}`, () => readWebhookKubeconfig(kubeconfigFile), signal),
        ),
      );
    }),
};
