/** One issuer of an AuthenticationConfiguration and one token of it. */
export interface ClaimRow {
  readonly name: string;
  readonly settings: {
    readonly claimMappings: object;
    readonly claimValidationRules?: readonly object[];
    readonly userValidationRules?: readonly object[];
  };
  /** Besides iss, aud, sub (alice), iat and exp (an hour later). */
  readonly claims: Readonly<Record<string, unknown>>;
  /** What comes of it here; `somebody` when absent. */
  readonly ours?: "somebody" | "nobody";
  /** The same there, where kube-apiserver answers otherwise. */
  readonly theirs?: "nobody";
  /** Why we answer otherwise. */
  readonly difference?: string;
}

const ALL_CLAIMS = {
  ...{ name: "Alice Example", email: "Alice@Example.com", email_verified: true, n: 7, half: 0.5, nothing: null },
  ...{ groups: ["dev", "ops"], roles: ["", "admin"], mixed: ["a", 1], role: "reader", when: "2026-01-02T03:04:05Z" },
  ...{ nested: { team: { name: "blue", ids: ["1", "2"] }, "a.b": "dotted", "c-d": "dashed" }, address: "10.1.2.3" },
};

function mapped(name: string, claimMappings: object, more: Partial<ClaimRow> = {}): ClaimRow {
  const username = { expression: "'u:' + claims.sub" };
  return { name, settings: { claimMappings: { username, ...claimMappings } }, claims: ALL_CLAIMS, ...more };
}

const username = (expression: string, more: Partial<ClaimRow> = {}): ClaimRow =>
  mapped(`username: ${expression}`, { username: { expression } }, more);
const groups = (expression: string, more: Partial<ClaimRow> = {}): ClaimRow =>
  mapped(`groups: ${expression}`, { groups: { expression } }, more);
const uid = (expression: string, more: Partial<ClaimRow> = {}): ClaimRow =>
  mapped(`uid: ${expression}`, { uid: { expression } }, more);
const extra = (valueExpression: string, more: Partial<ClaimRow> = {}): ClaimRow =>
  mapped(`extra: ${valueExpression}`, { extra: [{ key: "example.com/x", valueExpression }] }, more);
const rule = (expression: string, more: Partial<ClaimRow> = {}): ClaimRow => {
  const claimMappings = { username: { claim: "sub", prefix: "" } };
  const settings = { claimMappings, claimValidationRules: [{ expression, message: "refused" }] };
  return { name: `rule: ${expression}`, settings, claims: ALL_CLAIMS, ...more };
};
const user = (expression: string, more: Partial<ClaimRow> = {}): ClaimRow => {
  const claimMappings = {
    ...{ username: { claim: "sub", prefix: "u:" }, groups: { claim: "groups", prefix: "g:" } },
    ...{ uid: { claim: "role" }, extra: [{ key: "example.com/x", valueExpression: "claims.nested.team.ids" }] },
  };
  const settings = { claimMappings, userValidationRules: [{ expression, message: "refused" }] };
  return { name: `user: ${expression}`, settings, claims: ALL_CLAIMS, ...more };
};

const NOBODY = { ours: "nobody" } as const;
const WHOLE = "whole numbers of JSON are int here and double there";
const SPLIT = "kube-apiserver takes no list as split() makes it, only what map() and literals make";
const LAZY = "kube-apiserver does not look into the claims for a key; has() is its way";
const NAMES = "names of system: are never taken from an expression here";

/** Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/cel and its environment. */
export const CLAIM_ROWS: readonly ClaimRow[] = [
  username("claims.sub"),
  username("claims.name.lowerAscii().replace(' ', '.')"),
  username("claims.?preferred.orValue(claims.sub)"),
  username("claims.email_verified ? claims.email : ''"),
  username("claims.?email_verified.orValue(false) ? claims.email.split('@')[0] : claims.sub"),
  username("has(claims.missing) ? 'has' : 'has not'"),
  username("claims['sub'] + ':' + claims.nested.team.name"),
  username("claims.nested.a__dot__b + claims.nested.c__dash__d"),
  username("string(claims.n)"),
  username("claims.name.substring(0, 5).upperAscii()"),
  username("claims.name.charAt(0) + string(claims.name.indexOf('E'))"),
  username("dyn([claims.sub, claims.role]).join('-')"),
  username("['a', 'b'].join('-')"),
  username("string(size(claims.groups)) + string(size(claims.name))"),
  username("dyn(claims.sub)"),
  username("''", NOBODY),
  username("claims.missing", NOBODY),
  username("claims.n", NOBODY),
  username("claims.nothing", NOBODY),
  username("claims.groups", NOBODY),
  username("claims.groups[5]", NOBODY),
  username("claims.sub.missing", NOBODY),
  username("'system:node:' + claims.sub", { ...NOBODY, difference: NAMES }),
  groups("claims.groups"),
  groups("claims.groups + claims.roles"),
  groups("claims.role"),
  groups("claims.nothing"),
  groups("''"),
  groups("[]"),
  groups("[claims.role, claims.sub]"),
  groups("dyn(claims.groups).map(group, 'g:' + group)"),
  groups("dyn(claims.groups).filter(group, group.startsWith('d'))"),
  groups("dyn(claims.groups).map(group, group != 'dev', group + '!')"),
  groups("claims.?missing.orValue([])"),
  groups("claims.role.split('e')", { theirs: "nobody", difference: SPLIT }),
  groups("claims.role.split('e', 2)", { theirs: "nobody", difference: SPLIT }),
  groups("claims.role.split('e').map(part, part)"),
  groups("claims.role.split('e', 2).map(part, part)"),
  groups("dyn(claims.nested).map(key, key)"),
  groups("claims.mixed", NOBODY),
  groups("claims.n", NOBODY),
  groups("claims.missing", NOBODY),
  groups("claims.nested", NOBODY),
  uid("claims.role + '/' + string(claims.half)"),
  uid("string(claims.n)"),
  uid("''"),
  uid("claims.nothing", NOBODY),
  uid("string(claims.exp - claims.iat)"),
  uid("string(timestamp(claims.when).getFullYear())"),
  uid("string(timestamp(claims.when) + duration('1h'))"),
  uid("string(duration('90m'))"),
  uid("timestamp('2026-13-01' + 'T00:00:00Z') > timestamp(0) ? 'a' : 'b'", NOBODY),
  extra("claims.nested.team.ids"),
  extra("claims.role"),
  extra("claims.missing", NOBODY),
  extra("claims.?nested.?team.?name.orValue('none')"),
  extra("claims.roles"),
  rule("claims.exp - claims.iat <= 86400"),
  rule("claims.exp - claims.iat > 86400", NOBODY),
  rule("claims.n == 7"),
  rule("claims.n == 7.0"),
  rule("claims.n > 6 && claims.n < 7.5 && claims.half < 1"),
  rule("claims.sub == 7", NOBODY),
  rule("claims.sub != 7"),
  rule("claims.nothing == null"),
  rule("claims.sub == null", NOBODY),
  rule("'dev' in claims.groups"),
  rule("'dev' in claims.missing", NOBODY),
  rule("'sub' in claims && !('missing' in claims)", { theirs: "nobody", difference: LAZY }),
  rule("claims.groups == ['dev', 'ops']"),
  rule("dyn(claims.groups).all(group, group.size() == 3)"),
  rule("dyn(claims.groups).exists(group, group == 'ops')"),
  rule("dyn(claims.groups).exists_one(group, group.contains('o'))"),
  rule("dyn(claims.groups).exists(group, group == 'other')", NOBODY),
  rule("claims.missing == 1 || true"),
  rule("claims.missing == 1 || false", NOBODY),
  rule("claims.missing == 1 && false", NOBODY),
  rule("claims.email.matches('^[A-Za-z]+@Example[.]com$')"),
  rule("claims.email.matches('^x')", NOBODY),
  rule("matches(claims.role, '(?i)READ')"),
  rule("claims.email.endsWith('.com') && claims.email.contains('@')"),
  rule("sets.intersects(claims.groups, ['dev', 'x'])"),
  rule("sets.contains(claims.groups, ['dev', 'x'])", NOBODY),
  rule("sets.equivalent(claims.groups, ['ops', 'dev', 'dev'])"),
  rule("cidr('10.0.0.0/8').containsIP(claims.address)"),
  rule("cidr('10.0.0.0/8').containsIP(ip(claims.address))"),
  rule("cidr('10.2.0.0/16').containsIP(claims.address)", NOBODY),
  rule("isIP(claims.address) && !isIP(claims.role) && !isCIDR(claims.address)"),
  rule("ip(claims.role).family() == 4", NOBODY),
  rule("claims.email.find('[A-Z][a-z]+') == 'Alice' && claims.email.find('[0-9]') == ''"),
  rule("claims.email.findAll('[A-Z]').size() == 2 && claims.email.findAll('[A-Z]', 1) == ['A']"),
  rule("[3, 1, 2].min() == 1 && [3, 1, 2].max() == 3 && [3, 1, 2].sum() == 6"),
  rule("[1, 2, 2].isSorted() && !['b', 'a'].isSorted()"),
  rule("['a', 'b', 'a'].indexOf('b') == 1 && ['a', 'b', 'a'].lastIndexOf('a') == 2"),
  rule("['b', 'a', 'b'].distinct() == ['b', 'a'] && ['b', 'a'].sort() == ['a', 'b']"),
  rule("[1, 2, 3].slice(1, 3) == [2, 3] && [1, 2, 3].reverse() == [3, 2, 1]"),
  rule("[1, 2, 3].slice(1, 4) == [2, 3]", NOBODY),
  rule("[1, 2].filter(n, n > 2).max() == 1", NOBODY),
  rule("timestamp(claims.when) < timestamp('2027-01-01T00:00:00Z')"),
  rule("type(claims.sub) == string && type(claims.groups) == list"),
  rule("claims.nested.team.ids == ['1', '2'] && {'a': claims.n} != {'a': claims.half}"),
  rule("int('7') == claims.n && double('0.5') == claims.half"),
  rule("int(claims.sub) == 1", NOBODY),
  rule("claims.n / 0 == 1", { ...NOBODY }),
  rule("claims.n + 1 == 8", { difference: WHOLE, theirs: "nobody" }),
  rule("claims.n + 1.0 == 8.0", { ...NOBODY, difference: WHOLE }),
  user("user.username == 'u:alice'"),
  user("user.username.startsWith('system:')", NOBODY),
  user("!user.username.startsWith('system:')"),
  user("user.groups.all(group, group.startsWith('g:'))"),
  user("user.groups == ['g:dev', 'g:ops'] && user.uid == 'reader'"),
  user("user.extra['example.com/x'] == ['1', '2']"),
  user("has(user.uid) && has(user.extra) && size(user.groups) == 2"),
  user("'system:authenticated' in user.groups", NOBODY),
  user("user.extra['example.com/missing'][0] == ''", NOBODY),
];

/** Expressions for a username that kube-apiserver refuses at start; what is accepted here all the same says why. */
export const REFUSED_THERE: readonly { readonly expression: string; readonly accepted?: string }[] = [
  { expression: "claims." },
  { expression: "claims.sub +" },
  { expression: "user.username" },
  { expression: "unknown(claims.sub)" },
  { expression: "claims.email" },
  { expression: "claims.?email.orValue('')" },
  { expression: "1 + 'a'" },
  { expression: "['a', 1].size() == 2 ? 'a' : 'b'" },
  { expression: "true ? 'a' : 1" },
  { expression: "claims.sub.matches('(a') ? 'a' : 'b'" },
  { expression: "timestamp('2026') < timestamp(0) ? 'a' : 'b'", accepted: "refused when it is asked" },
  { expression: "claims.groups.map(group, group)[0]", accepted: "there a claim has to be called dyn() first" },
];
