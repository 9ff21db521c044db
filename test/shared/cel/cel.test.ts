import { runInNewContext } from "node:vm";
import { describe, expect, test } from "@jest/globals";
import { type CelOptions, compileCel } from "../../../services/shared/cel/cel.ts";
import type { CelResult } from "../../../services/shared/cel/cel-answers.ts";
import { CelError } from "../../../services/shared/cel/cel-error.ts";
import type { CelInput } from "../../../services/shared/cel/cel-values.ts";

const VARIABLES = {
  claims: "map<string, dyn>",
  user: { fields: { username: "string", groups: "list<string>", extra: "map<string, list<string>>" } },
  now: "timestamp",
  text: "string",
  texts: "list<string>",
} as const;

const BINDINGS = {
  claims: {
    sub: "jane",
    email: "jane@example.com",
    email_verified: true,
    groups: ["a", "b"],
    exp: 1_700_000_060,
    iat: 1_700_000_000,
    ratio: 0.5,
    nothing: null,
    nested: { deep: { list: [1, 2, 3] } },
  },
  user: { username: "jane", groups: ["ops", "dev"], extra: { "example.com/team": ["x"] } },
  now: new Date("2026-11-21T17:00:00.250Z"),
  text: "Zürich-01.example.com",
  texts: ["b", "a"],
} as const satisfies Record<string, CelInput>;

function compile<Result extends CelResult>(source: string, result: Result, options: Partial<CelOptions<Result>> = {}) {
  return compileCel(source, { variables: VARIABLES, result, where: "test.expression", ...options });
}

const answer = (source: string): unknown => compile(source, "dyn").evaluate(BINDINGS);

describe("what expressions answer", () => {
  test.each([
    // Claims as JSON has them.
    ["claims.sub == 'jane'", true],
    ["claims.exp - claims.iat <= 3600", true],
    ["claims.exp - claims.iat", 60],
    ["claims.ratio < 1.0", true],
    ["claims.nothing == null", true],
    ["claims.sub == 1", false],
    ["'a' in claims.groups", true],
    ["'email' in claims", true],
    ["has(claims.email) && !has(claims.missing)", true],
    ["has(claims.nested.deep.list)", true],
    ["claims.nested.deep.list[1]", 2],
    ["claims['sub'] + '!'", "jane!"],
    ["claims.?missing.orValue('none')", "none"],
    ["claims.?email.orValue('none')", "jane@example.com"],
    ["claims.?nested.?deep.?missing.hasValue()", false],
    // Objects with declared fields.
    ["user.username.startsWith('ja')", true],
    ["user.extra['example.com/team'][0]", "x"],
    ["has(user.username)", true],
    // Lists.
    ["user.groups.all(g, g != 'system:masters')", true],
    ["user.groups.exists(g, g.startsWith('o'))", true],
    ["user.groups.exists_one(g, g == 'ops')", true],
    ["user.groups.filter(g, g != 'ops')", ["dev"]],
    ["user.groups.map(g, 'x:' + g)", ["x:ops", "x:dev"]],
    ["user.groups.map(g, g == 'ops', g)", ["ops"]],
    ["size(user.groups)", 2],
    ["texts + ['c']", ["b", "a", "c"]],
    ["cel.bind(n, size(texts), n * n)", 4],
    ["sets.contains(user.groups, ['ops'])", true],
    ["sets.contains(user.groups, ['ops', 'none'])", false],
    ["sets.intersects(claims.groups, ['b', 'z'])", true],
    ["sets.equivalent([1, 2, 2], [2, 1])", true],
    ["[1, 2, 2].isSorted() && !['b', 'a'].isSorted() && [].isSorted()", true],
    ["[3, 1, 2].min() + [3, 1, 2].max()", 4],
    ["[claims.ratio, claims.exp].max()", 1_700_000_060],
    ["[timestamp(60), timestamp(0)].min()", new Date(0)],
    ["[1, 2, 3].sum() + [].sum()", 6],
    ["[0.5, 0.25].sum()", 0.75],
    ["texts.sort()", ["a", "b"]],
    ["['\u{1F600}', '\uFF5E'].sort()", ["\uFF5E", "\u{1F600}"]],
    ["dyn([1, 2, 1]).distinct()", [1, 2]],
    ["claims.groups.distinct() + ['c']", ["a", "b", "c"]],
    ["texts.reverse()", ["a", "b"]],
    ["[1, 2, 3].slice(1, 3)", [2, 3]],
    ["['a', 'b', 'a'].indexOf('a')", 0],
    ["['a', 'b', 'a'].lastIndexOf('a')", 2],
    ["claims.groups.indexOf('z')", -1],
    // Texts.
    ["text.find('[0-9]+')", "01"],
    ["text.find('x{9}')", ""],
    ["'1 a 22'.findAll('[0-9]+')", ["1", "22"]],
    ["'1 a 22'.findAll('[0-9]+', 1)", ["1"]],
    ["'1 a 22'.findAll('[0-9]+', 0)", []],
    ["'1 a 22'.findAll('[0-9]+', -1)", ["1", "22"]],
    ["'ab'.findAll('x*')", ["", "", ""]],
    ["text.contains('01') && text.endsWith('.com')", true],
    ["text.matches('^[A-Z].*-[0-9]{2}[.]')", true],
    ["text.matches('^x')", false],
    ["matches(text, 'example')", true],
    ["text.lowerAscii()", "zürich-01.example.com"],
    ["'ÄäAa'.upperAscii()", "ÄäAA"],
    ["'ÄäAa'.lowerAscii()", "Ääaa"],
    ["'  x '.trim()", "x"],
    ["'a,b,c'.split(',')", ["a", "b", "c"]],
    ["'a,b,c'.split(',', 2)", ["a", "b,c"]],
    ["'a,b,c'.split(',', 0)", []],
    ["'a,b,c'.split(',', -1)", ["a", "b", "c"]],
    ["texts.join('-')", "b-a"],
    ["['a', 'b'].join()", "ab"],
    ["'a-b-c'.replace('-', '.')", "a.b.c"],
    ["'a-b-c'.replace('-', '.', 1)", "a.b-c"],
    ["'a-b-c'.replace('-', '.', 0)", "a-b-c"],
    ["'abc'.charAt(1)", "b"],
    ["'abc'.substring(1, 2)", "b"],
    ["'abc'.indexOf('c')", 2],
    ["size('ü')", 1],
    // Numbers, instants, lengths of time.
    ["int('42')", 42],
    ["int('+42')", 42],
    ["int(3.9)", 3],
    ["int(timestamp('1970-01-01T00:01:00Z'))", 60],
    ["-9223372036854775808 < 0", true],
    ["string(1) + string(true) + string(1.5)", "1true1.5"],
    ["string(now)", "2026-11-21T17:00:00.25Z"],
    ["string(duration('90s'))", "90s"],
    ["string(b'abc')", "abc"],
    ["now > timestamp('2026-01-01T00:00:00Z')", true],
    ["now - timestamp('2026-11-21T16:00:00.250Z') == duration('1h')", true],
    ["timestamp(0) + duration('1h30m') == timestamp('1970-01-01T01:30:00Z')", true],
    ["timestamp('2026-01-01T00:00:00Z').getDayOfYear()", 0],
    ["timestamp('2026-12-31T23:59:59Z').getDayOfYear()", 364],
    ["now.getHours()", 17],
    // Addresses.
    ["cidr('10.0.0.0/8').containsIP('10.1.2.3')", true],
    ["cidr('10.0.0.0/8').containsIP(ip('11.1.2.3'))", false],
    ["cidr('10.0.0.0/8').containsIP('::1')", false],
    ["cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", true],
    ["cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))", false],
    ["cidr('fd00::/7').containsIP('fdff::1')", true],
    ["cidr('0.0.0.0/0').containsIP('255.255.255.255')", true],
    ["cidr('10.1.2.3/15').masked() == cidr('10.0.0.0/15')", true],
    ["cidr('10.1.2.3/15').prefixLength()", 15],
    ["string(cidr('10.1.2.3/15').ip())", "10.1.2.3"],
    ["ip('FD00::0001') == ip('fd00::1')", true],
    ["ip('127.0.0.1').isLoopback() && ip('::1').isLoopback()", true],
    ["ip('fe80::1').isLinkLocalUnicast() && ip('169.254.1.1').isLinkLocalUnicast()", true],
    ["ip('::').isUnspecified() && ip('0.0.0.0').isUnspecified()", true],
    ["ip('::1').family() == 6 && ip('1.2.3.4').family() == 4", true],
    ["isIP('1.2.3.4') && isCIDR('1.2.3.0/24')", true],
    ["isIP('01.2.3.4') || isIP('1.2.3') || isIP('::ffff:1.2.3.4') || isIP('fe80::1%eth0') || isIP('')", false],
    ["isCIDR('1.2.3.4') || isCIDR('1.2.3.4/33') || isCIDR('1.2.3.4/08') || isCIDR('1.2.3.4/8/8')", false],
    // One side that fails does not matter where the other decides.
    ["claims.missing == 1 || true", true],
    ["claims.missing == 1 && false", false],
  ] as const)("%s", (source, expected) => {
    expect(answer(source)).toEqual(expected);
  });

  test("whole numbers beyond what JavaScript counts exactly stay whole", () => {
    expect(answer("9223372036854775807")).toBe(9_223_372_036_854_775_807n);
  });

  test("the result types", () => {
    expect(compile("true", "bool").evaluate(BINDINGS)).toBe(true);
    expect(compile("claims.sub", "string").evaluate(BINDINGS)).toBe("jane");
    expect(compile("claims.groups", "list<string>").evaluate(BINDINGS)).toEqual(["a", "b"]);
    expect(compile("[]", "list<string>").evaluate(BINDINGS)).toEqual([]);
    expect(compile("claims.groups", "string or list<string>").evaluate(BINDINGS)).toEqual(["a", "b"]);
    expect(compile("claims.sub", "string or list<string>").evaluate(BINDINGS)).toBe("jane");
    expect(compile("size(texts)", "int").evaluate(BINDINGS)).toBe(2);
    expect(compile("now", "timestamp").evaluate(BINDINGS)).toEqual(BINDINGS.now);
    expect(compile("{'a': [claims.exp]}", "dyn").evaluate(BINDINGS)).toEqual({ a: [1_700_000_060] });
  });

  test("what an expression reads can be asked", () => {
    const { reads } = compile(
      "claims.email == 'a' && claims['sub'] in texts.map(x, x + claims.?team.orValue(''))",
      "bool",
    );
    expect([...reads].sort()).toEqual(["claims", "claims.email", "claims.sub", "claims.team", "texts"]);
  });
});

function failureOf(work: () => unknown): CelError {
  try {
    work();
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("what is refused when an expression is read", () => {
  test.each([
    ["", "it is empty"],
    ["  // nothing\n", "Unexpected token: EOF (at character 14)"],
    ["claims.", "Expected IDENTIFIER, got EOF (at character 8)"],
    ["user.usernam", "No such key: usernam (at character 6)"],
    ["unknown.field", "Unknown variable: unknown (at character 1)"],
    ["frobnicate(1)", "there is no function frobnicate() (at character 1)"],
    ["claims.sub.frobnicate()", "there is no function frobnicate() (at character 1)"],
    ["b'{}'.json()", "there is no function json() (at character 1)"],
    ["now.getHours('Europe', 'Zurich')", "getHours() takes 0 or 1 arguments, not 2 (at character 1)"],
    ["1 + 'a'", "no such overload: int + string (at character 1)"],
    ["text.lowerAscii() == 1", "no such overload: string == int (at character 1)"],
    ["text.matches(1)", "a pattern must be written out as a text (at character 14)"],
    ["text.matches(claims.sub)", "a pattern must be written out as a text (at character 14)"],
    ["text.find(claims.sub)", "a pattern must be written out as a text (at character 11)"],
    ["text.findAll(claims.sub, 1)", "a pattern must be written out as a text (at character 14)"],
    ["text.matches('(a')", "error parsing regexp: missing closing ): `(a` (at character 14)"],
    ["text.matches('(a)\\\\1')", "error parsing regexp: invalid escape sequence: `\\1` (at character 14)"],
    ["text.matches('(?=a)')", "error parsing regexp: invalid or unsupported Perl syntax: `(?=` (at character 14)"],
    ["9223372036854775808", "the whole number does not fit into 64 bits (at character 1)"],
    ["text.split(1) == []", "found no matching overload for 'string.split(int)' (at character 1)"],
    ["1 == 1 ? 'a' : 1", "Ternary branches must have the same type, got 'string' and 'int' (at character 1)"],
  ])("%j", (source, detail) => {
    const error = failureOf(() => compile(source, "dyn"));
    expect({ failure: error.failure, where: error.where, detail: error.detail }).toEqual({
      failure: "compile",
      where: "test.expression",
      detail,
    });
  });

  test.each([
    ["1", "bool", "it answers int, and must answer bool"],
    ["user.groups", "string", "it answers list<string>, and must answer string"],
    ["1", "string or list<string>", "it answers int, and must answer string or list<string>"],
    ["[1]", "list<string>", "it answers list<int>, and must answer list<string>"],
    ["claims.?x", "dyn", "it answers optional<dyn>, and must answer a value that JSON knows"],
    ["ip('::')", "dyn", "it answers net.IP, and must answer a value that JSON knows"],
    ["type(1)", "dyn", "it answers type, and must answer a value that JSON knows"],
  ] as const)("%s as %s", (source, result, detail) => {
    expect(failureOf(() => compile(source, result)).detail).toBe(detail);
  });

  test("the message names the place, the expression, what is wrong and where", () => {
    expect(failureOf(() => compile("claims.a ==", "bool")).message).toBe(
      'test.expression: the CEL expression "claims.a ==" cannot be used: Unexpected token: EOF (at character 12)',
    );
  });
});

describe("what has no answer", () => {
  test.each([
    ["claims.missing", "No such key: missing"],
    ["claims.sub.first", "No such key: first"],
    ["claims.groups[7]", "No such key: index out of bounds, index 7 >= size 2"],
    ["claims.nested.deep > 1", "no such overload"],
    ["claims.sub + 1", "no such overload: dyn<string> + int"],
    ["claims.exp.startsWith('1')", "found no matching overload for 'int.startsWith(string)'"],
    ["claims.exp.lowerAscii()", "found no matching overload for 'int.lowerAscii()'"],
    ["1 / (claims.exp - claims.exp)", "division by zero"],
    ["9223372036854775807 + claims.exp", "integer overflow"],
    ["int('0x10')", "int() takes a decimal whole number"],
    ["int('')", "int() takes a decimal whole number"],
    ["int('9223372036854775808')", "a whole number does not fit into 64 bits"],
    ["int(1e300)", "a whole number does not fit into 64 bits"],
    ["timestamp('tomorrow')", "timestamp() takes an RFC 3339 instant"],
    ["timestamp('Sat Nov 21 2026 10:00:00')", "timestamp() takes an RFC 3339 instant"],
    ["timestamp('2026-13-01T00:00:00Z')", "timestamp() takes an RFC 3339 instant"],
    ["duration('1 day') == duration('1s')", "duration() takes a number with a unit"],
    ["string(b'\\xff')", "string() takes octets of UTF-8 only"],
    ["ip('x').family()", "ip() takes an IPv4 or IPv6 address"],
    ["cidr('10.0.0.0').prefixLength()", "cidr() takes an address and a prefix length"],
    ["sets.contains([[1]], [[1]])", "only texts, numbers and booleans are compared here"],
    ["[].max()", "an empty list has no greatest element"],
    ["[claims.sub, claims.exp].min()", "a text and a number have no order"],
    ["[claims.nested].min() == [claims.groups, claims.nested].max()", "have an order"],
    ["[claims.sub].sum()", "sum() takes a list of whole numbers, or one of doubles"],
    ["[9223372036854775807, 1].sum()", "a whole number does not fit into 64 bits"],
    ["[1].slice(0, 2)", "slice(0, 2) is beyond the list"],
    ["[[1]].distinct()", "only texts, numbers and booleans are compared here"],
    ["'abc'.charAt(4)", "there is no character 4"],
    ["claims.missing == 1 || false", "No such key: missing"],
  ])("%s", (source, detail) => {
    const error = failureOf(() => answer(source));
    expect({ failure: error.failure, detail: error.detail }).toEqual({
      failure: "evaluate",
      detail: expect.stringContaining(detail),
    });
  });

  test.each([
    ["claims.exp", "bool", "it answers number, and must answer bool"],
    ["claims.nested", "string", "it answers a map, and must answer string"],
    ["claims.nothing", "string", "it answers null, and must answer string"],
    ["claims.nested.deep.list", "list<string>", "it answers a list, and must answer list<string>"],
    ["claims.sub", "int", "it answers string, and must answer int"],
  ] as const)("%s is no %s", (source, result, detail) => {
    expect(failureOf(() => compile(source, result).evaluate(BINDINGS)).detail).toBe(detail);
  });

  test("a variable that is not given", () => {
    expect(failureOf(() => compile("text == 'a'", "bool").evaluate({})).detail).toBe(
      "Unknown variable: text (at character 1)",
    );
  });

  test("a variable of another type than declared", () => {
    expect(failureOf(() => compile("text == 'a'", "bool").evaluate({ text: 1 })).detail).toBe(
      "Variable 'text' is not of type 'string', got 'int' (at character 1)",
    );
  });

  test.each([
    ["too deep", JSON.parse(`${"[".repeat(40)}${"]".repeat(40)}`), "a value nests deeper than 16 levels"],
    ["no date", new Date(Number.NaN), "a date is not valid"],
    ["too large a number", 2n ** 63n, "a whole number does not fit into 64 bits"],
  ])("a value that is %s", (_name, value: CelInput, detail) => {
    const program = compile("claims == claims", "bool", { variables: { claims: "dyn" } });
    expect(failureOf(() => program.evaluate({ claims: value })).detail).toBe(detail);
  });

  test("lists that were made in another realm are lists", () => {
    const texts = runInNewContext('["a", "b"]') as readonly string[];
    expect(
      compile("texts[1] == 'b' && claims[0][0] == 1", "bool", {
        variables: { texts: "list<string>", claims: "list<dyn>" },
      }).evaluate({ texts, claims: runInNewContext("[[1]]") as readonly CelInput[] }),
    ).toBe(true);
  });

  test("names of JavaScript's own are no fields", () => {
    for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty", "size"]) {
      expect(compile(`has(claims.${name})`, "bool").evaluate(BINDINGS)).toBe(false);
      expect(failureOf(() => answer(`claims.${name}`)).detail).toContain("No such key");
    }
    const hostile = JSON.parse('{"claims": {"__proto__": {"admin": true}}}') as Record<string, CelInput>;
    expect(compile("has(claims.admin)", "bool").evaluate(hostile)).toBe(false);
  });
});
