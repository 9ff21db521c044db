import { extraKey, headerText } from "../../../shared/header-text.ts";
import type { ReadCertificateIdentity } from "../client-certificate.ts";
import { withAuthenticatedGroup } from "../groups.ts";
import { NOBODY, type Outcome, type RequestAuthenticator, refused, type ShownByRequest } from "./authenticator.ts";
import type { FrontProxySettings } from "./settings.ts";

/** As many values of all headers together as are read. */
const MAXIMUM_VALUES = 1_000;

/**
 * Takes the user from headers when, and only when, the connection's client certificate was issued by a CA of front
 * proxies to one of the allowed names. From anybody else the headers mean nothing.
 *
 * @param readCertificate - knows the CAs of front proxies and no other.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/request/headerrequest/requestheader.go.
 */
export function frontProxyAuthenticator(
  settings: FrontProxySettings,
  readCertificate: ReadCertificateIdentity,
): RequestAuthenticator {
  const allowed = new Set(settings.allowedNames);
  return {
    name: "frontProxy",
    judges: "request",
    authenticate(shown) {
      const { clientCertificateDer } = shown;
      if (clientCertificateDer === undefined) return NOBODY;
      const proxy = readCertificate(clientCertificateDer, shown.intermediatesDer);
      if (proxy.kind === "foreign" || proxy.kind === "nobody") return NOBODY;
      if (proxy.kind === "refused") return refused(proxy.reason, false);
      const { username } = proxy.user;
      if (!allowed.has(username)) return refused(`front proxy ${JSON.stringify(username)} is not an allowed name`);
      return userFromHeaders(settings, shown);
    },
  };
}

function userFromHeaders(settings: FrontProxySettings, { headers }: ShownByRequest): Outcome {
  const all = headers?.() ?? {};
  const valuesOf = (name: string): readonly string[] => (all[name.toLowerCase()] ?? []).map(headerText);
  const firstOf = (names: readonly string[]): string =>
    names.map((name) => valuesOf(name)[0] ?? "").find(Boolean) ?? "";
  const username = firstOf(settings.usernameHeaders);
  if (username === "") return NOBODY;
  const groups = settings.groupHeaders.flatMap(valuesOf).filter((group) => group !== "");
  const extra = extrasOf(settings.extraHeaderPrefixes, all, valuesOf);
  const count = Object.values(extra).reduce((sum, values) => sum + values.length, groups.length);
  if (count > MAXIMUM_VALUES) return refused(`the front proxy sent more than ${MAXIMUM_VALUES} groups and extras`);
  return {
    kind: "user",
    user: withAuthenticatedGroup({ username, uid: firstOf(settings.uidHeaders), groups, extra }),
  };
}

/** Keys are what follows the prefix, in lower case, percent-decoded where that is possible. */
function extrasOf(
  prefixes: readonly string[],
  all: Readonly<Record<string, readonly string[] | undefined>>,
  valuesOf: (name: string) => readonly string[],
): Readonly<Record<string, readonly string[]>> {
  const extra: Record<string, readonly string[]> = Object.create(null);
  for (const prefix of prefixes.map((each) => each.toLowerCase())) {
    for (const name of Object.keys(all).filter((each) => each.startsWith(prefix))) {
      const key = extraKey(name.slice(prefix.length));
      extra[key] = [...(extra[key] ?? []), ...valuesOf(name)];
    }
  }
  return { ...extra };
}
