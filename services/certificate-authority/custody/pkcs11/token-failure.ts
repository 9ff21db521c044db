import type { TokenFailureKind } from "./messages.ts";

/** Something a token, its module or the session did not do. The message never holds a PIN. */
export class TokenFailure extends Error {
  override readonly name = "TokenFailure";
  readonly kind: TokenFailureKind;

  constructor(kind: TokenFailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

const PIN_REFUSED = new Set([
  "CKR_PIN_INCORRECT",
  "CKR_PIN_INVALID",
  "CKR_PIN_LEN_RANGE",
  "CKR_PIN_EXPIRED",
  "CKR_PIN_LOCKED",
  "CKR_USER_PIN_NOT_INITIALIZED",
]);

/** What no new session changes: the token does not do that. */
const REFUSED = new Set([
  "CKR_MECHANISM_INVALID",
  "CKR_MECHANISM_PARAM_INVALID",
  "CKR_FUNCTION_NOT_SUPPORTED",
  "CKR_KEY_FUNCTION_NOT_PERMITTED",
  "CKR_KEY_TYPE_INCONSISTENT",
  "CKR_KEY_SIZE_RANGE",
  "CKR_TEMPLATE_INCOMPLETE",
  "CKR_TEMPLATE_INCONSISTENT",
  "CKR_ATTRIBUTE_TYPE_INVALID",
  "CKR_ATTRIBUTE_VALUE_INVALID",
  "CKR_ATTRIBUTE_READ_ONLY",
  "CKR_CURVE_NOT_SUPPORTED",
  "CKR_DOMAIN_PARAMS_INVALID",
  "CKR_TOKEN_WRITE_PROTECTED",
]);

/**
 * Judges what a call of a module threw. Unknown codes, and those that a vendor made up, count as a token that went away:
 * network modules report lost connections that way.
 *
 * Source: PKCS #11 3.1, section 5.1 (function return values).
 */
export function toTokenFailure(error: unknown): TokenFailure {
  if (error instanceof TokenFailure) return error;
  const { message, method } = Object(error) as { message?: unknown; method?: unknown };
  const text = typeof message === "string" ? message : String(error);
  // Some calls answer with the name and the number of the code, some with the name alone.
  const code = /CKR_\w+/.exec(text)?.[0] ?? text;
  const call = typeof method === "string" && method !== "" ? `${method} answered ` : "";
  return new TokenFailure(kindOf(code), `${call}${code}`, { cause: error });
}

function kindOf(code: string): TokenFailureKind {
  if (PIN_REFUSED.has(code)) return "pinRefused";
  return REFUSED.has(code) ? "refused" : "lost";
}
