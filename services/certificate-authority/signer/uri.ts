/** RFC 3986's characters outside of percent-encodings. */
const ESCAPED = "%[0-9A-Fa-f]{2}";
const PLAIN = "[A-Za-z0-9\\-._~!$&'()*+,;=:@/?]";
const URI = new RegExp(
  `^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(//([^/?#]*))?((?:${PLAIN}|${ESCAPED})*)(#(?:${PLAIN}|${ESCAPED})*)?$`,
);
const AUTHORITY = new RegExp(
  `^(?:(?:[A-Za-z0-9\\-._~!$&'()*+,;=:]|${ESCAPED})*@)?(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9\\-._]*)(?::[0-9]*)?$`,
);
const MAX_URI = 8192;

/**
 * A URI reference as it goes into a certificate: as written, its scheme in lower case and an empty fragment left out.
 *
 * @returns undefined when it is no URI reference or its host has an empty label.
 * Source: RFC 3986 appendix A; Go src/net/url/url.go and src/crypto/x509/parser.go (what a URI SAN must satisfy).
 */
export function normalizeUri(text: string): string | undefined {
  const match = text.length > MAX_URI ? null : URI.exec(text);
  if (match === null) return undefined;
  const [, scheme, authority = "", hostAndPort = "", pathAndQuery = "", fragment = ""] = match;
  if (scheme === undefined && authority === "" && hasColonInFirstSegment(pathAndQuery)) return undefined;
  if (!isAuthority(hostAndPort)) return undefined;
  const prefix = scheme === undefined ? "" : `${scheme.toLowerCase()}:`;
  return prefix + authority + pathAndQuery + (fragment === "#" ? "" : fragment);
}

/** Without a scheme such a reference would read as one. */
function hasColonInFirstSegment(path: string): boolean {
  const colon = path.indexOf(":");
  return colon >= 0 && !/[/?]/.test(path.slice(0, colon));
}

function isAuthority(text: string): boolean {
  const match = AUTHORITY.exec(text);
  if (match === null) return false;
  const host = match[1] ?? "";
  if (host === "" || host.startsWith("[")) return true;
  return host.split(".").every((label) => label !== "");
}
