import type { SubjectAltNames } from "./csr-facts.ts";
import { compileGlob } from "./glob.ts";
import { showName, showPatterns } from "./shown-name.ts";

const MAXIMUM_ID = 2048;
const MAXIMUM_TRUST_DOMAIN = 255;
const TRUST_DOMAIN = /^[a-z0-9._-]+$/;
const SEGMENT = /^[A-Za-z0-9._-]+$/;

/** Who may have which SPIFFE IDs of a trust domain. */
export interface SpiffeRules {
  readonly trustDomain: string;
  /** Patterns of paths that every requester may ask for; `*` ends at a slash. */
  readonly paths: readonly string[];
  /** Further paths for one user, or for the members of one group. */
  readonly requesters: readonly {
    readonly user?: string | undefined;
    readonly group?: string | undefined;
    readonly paths: readonly string[];
  }[];
}

/** Whose request it is, as its authenticator said when it was created. */
export interface Requester {
  readonly username?: string | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** What the usages of an X.509-SVID may be. Source: SPIFFE X509-SVID sections 4.3 and 4.4. */
export const SVID_USAGES: readonly string[] = [
  "digital signature",
  "signing",
  "key encipherment",
  "key agreement",
  "server auth",
  "client auth",
];

/** Source: SPIFFE-ID section 2.1. */
export function isTrustDomain(text: string): boolean {
  return text.length <= MAXIMUM_TRUST_DOMAIN && TRUST_DOMAIN.test(text);
}

/** The path of a workload's SPIFFE ID, with its leading slash; a text says why it is none. */
type ReadId = { readonly trustDomain: string; readonly path: string } | string;

/**
 * Reads the SPIFFE ID of a workload. Only the one normal spelling is taken: what readers could understand in two ways,
 * escapes among it, is refused.
 *
 * @returns a text, why it is none, or its parts; the path begins with a slash and is more than that.
 * Source: SPIFFE-ID section 2; X509-SVID section 4.1 (a leaf's ID has a path).
 */
export function readSpiffeId(id: string): ReadId {
  if (id.length > MAXIMUM_ID) return `has more than ${MAXIMUM_ID} characters`;
  if (!id.startsWith("spiffe://")) return "does not begin with spiffe://";
  const rest = id.slice("spiffe://".length);
  const slash = rest.indexOf("/");
  if (slash < 0) return "has no path";
  const [trustDomain, path] = [rest.slice(0, slash), rest.slice(slash)];
  if (!isTrustDomain(trustDomain))
    return "has a trust domain of other characters than a-z, 0-9, dot, dash and underscore";
  for (const segment of path.slice(1).split("/")) {
    if (segment === "") return "has an empty path segment";
    if (segment === "." || segment === "..") return "has a path segment of dots";
    if (!SEGMENT.test(segment)) return "has a path of other characters than letters, digits, dot, dash and underscore";
  }
  return { trustDomain, path };
}

/** What a request for an X.509-SVID breaks, in words that name field, value and rule. */
export function spiffeViolations(
  rules: SpiffeRules,
  { uris }: Pick<SubjectAltNames, "uris">,
  usages: readonly string[],
  requester: Requester,
): readonly string[] {
  return [...idViolations(rules, uris, requester), ...usageViolations(usages)];
}

function idViolations(rules: SpiffeRules, uris: readonly string[], requester: Requester): readonly string[] {
  const [id, ...others] = uris;
  const field = "subjectAltNames.uris";
  if (id === undefined || others.length > 0) return [`${field} must be exactly one SPIFFE ID, not ${uris.length} URIs`];
  const read = readSpiffeId(id);
  if (typeof read === "string") return [`${field} ${showName(id)} is no SPIFFE ID of a workload: it ${read}`];
  if (read.trustDomain !== rules.trustDomain)
    return [`${field} ${showName(id)} is not in the trust domain ${rules.trustDomain}`];
  const paths = pathsOf(rules, requester);
  if (paths.some((pattern) => compileGlob(pattern, { separator: "/" })(read.path))) return [];
  return [`${field} ${showName(id)}: the path is not allowed for this requester; ${showPatterns(paths)}`];
}

function pathsOf({ paths, requesters }: SpiffeRules, { username, groups = [] }: Requester): readonly string[] {
  const own = requesters.filter(
    ({ user, group }) => (user !== undefined && user === username) || (group !== undefined && groups.includes(group)),
  );
  return [...paths, ...own.flatMap((entry) => entry.paths)];
}

function usageViolations(usages: readonly string[]): readonly string[] {
  const signs = usages.includes("digital signature") || usages.includes("signing");
  const hasOnePurpose = usages.includes("server auth") !== usages.includes("client auth");
  return [
    ...(signs ? [] : ['usage "digital signature" is required of an X.509-SVID']),
    ...(hasOnePurpose ? ['usages "server auth" and "client auth" go together in an X.509-SVID'] : []),
  ];
}
