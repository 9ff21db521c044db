/** The text of a header's value: Node hands values over as one character an octet, callers send UTF-8. */
export function headerText(value: string): string {
  return Buffer.from(value, "latin1").toString("utf8");
}

/**
 * The key of a user's extra, as the end of a header's name carries it: percent-decoded; taken as it stands when that is
 * not possible.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/request/headerrequest/requestheader.go (unescapeExtraKey).
 */
export function extraKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
