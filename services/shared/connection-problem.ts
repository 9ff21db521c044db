const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the host name could not be looked up",
  ETIMEDOUT: "it did not answer",
  EPROTO: "it does not speak TLS",
};

const UNTRUSTED: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "it is signed by a CA that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "it is signed by a CA that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "it is signed by a CA that is not trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "it is signed by a CA that is not trusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed and not trusted",
  CERT_SIGNATURE_FAILURE: "it is not signed by the CA that is trusted",
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet; compare the clocks",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another name",
};

/** Why there is no connection: nobody answers, or whoever does is not trusted, or TLS came to nothing otherwise. */
export interface ConnectionProblem {
  readonly kind: "unreachable" | "untrusted" | "tls";
  /** About the server, for `unreachable`; about its certificate, for `untrusted`; a code, for `tls`. */
  readonly words: string;
}

/** Puts the error of a connection into words; undefined for errors of other kinds. */
export function connectionProblem(error: unknown): ConnectionProblem | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  const unreachable = UNREACHABLE[code];
  if (unreachable !== undefined) return { kind: "unreachable", words: unreachable };
  const untrusted = UNTRUSTED[code];
  if (untrusted !== undefined) return { kind: "untrusted", words: untrusted };
  return /^ERR_(SSL|OSSL|TLS)/.test(code) ? { kind: "tls", words: code } : undefined;
}
