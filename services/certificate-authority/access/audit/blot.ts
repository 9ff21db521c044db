/** What stands in an event where a secret stood. */
const BLOT = "***";

const SECRET_KEY =
  /^(token|secret|password|passwd|authorization|cookie)$|(token[-_]?secret|client[-_]?secret|private[-_]?key)$/i;
/** A whole object as text, which `kubectl apply` keeps in an annotation. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const SECRET_MEMBERS = new Set(["data", "stringData"]);

/** A bootstrap token keeps its id, by which it is known. */
const BOOTSTRAP_TOKEN = /(?<![A-Za-z0-9.-])([a-z0-9]{6})\.[a-z0-9]{16}(?![A-Za-z0-9.-])/g;
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/\b(bearer|basic)(\s|%20|\+)+[^\s"&]+/gi, `$1 ${BLOT}`],
  // A JSON Web Token: the base64url of `{"` begins the first two parts.
  [/\beyJ[\w-]*\.[\w-]*\.[\w-]*/g, BLOT],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, BLOT],
];
/** A text that matches none of these has no secret that could be told by its form. */
const SUSPICIOUS = /\.[a-z0-9]{16}|eyJ|-----BEGIN|bearer|basic/i;

/** The text without what has the form of a credential. */
export function blotText(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  const blotted = PATTERNS.reduce((left, [pattern, replacement]) => left.replace(pattern, replacement), text);
  return blotted.replace(BOOTSTRAP_TOKEN, `$1.${BLOT}`);
}

/** JSON of a body without secrets: members that are called like one, the data of Secrets, and what has the form of one. */
export function blottedJson(value: unknown): string {
  return JSON.stringify(value, function (this: unknown, key: string, member: unknown): unknown {
    if (typeof member === "string") return blottedMember(this, key, member);
    const isSecretData = SECRET_MEMBERS.has(key) && (this as { kind?: unknown }).kind === "Secret";
    return isSecretData && typeof member === "object" && member !== null ? blotMembers(member) : member;
  });
}

function blottedMember(holder: unknown, key: string, text: string): string {
  if (key === LAST_APPLIED) return blottedObject(text);
  return SECRET_KEY.test(key) || isPatchOfSecret(holder, key) ? BLOT : blotText(text);
}

function blottedObject(text: string): string {
  try {
    return blottedJson(JSON.parse(text));
  } catch {
    return BLOT;
  }
}

/** The value of an operation of a JSON patch, which is called by its path; RFC 6902. */
function isPatchOfSecret(holder: unknown, key: string): boolean {
  const { path } = holder as { path?: unknown };
  return key === "value" && typeof path === "string" && SECRET_KEY.test(path.slice(path.lastIndexOf("/") + 1));
}

function blotMembers(members: object): Record<string, string> {
  return Object.fromEntries(Object.keys(members).map((name) => [name, BLOT]));
}
