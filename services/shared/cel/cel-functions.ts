/**
 * The functions an expression may call, by how many arguments they take beside the receiver: the standard ones of the
 * language, its string extension, the list and set functions of Kubernetes, and addresses.
 * What the library knows besides is refused, so that a new version of it adds nothing unseen.
 *
 * Sources: cel-spec doc/langdef.md; kubernetes staging/src/k8s.io/apiserver/pkg/cel/library (lists.go, regex.go,
 * ip.go, cidr.go); cel-go ext (strings.go, sets.go, lists.go).
 */
export const FUNCTIONS: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries({
    bool: [1],
    bytes: [1],
    cidr: [1],
    double: [1],
    duration: [1],
    dyn: [1],
    has: [1],
    int: [1],
    ip: [1],
    isCIDR: [1],
    isIP: [1],
    matches: [2],
    size: [1],
    string: [1],
    timestamp: [1],
    type: [1],
    uint: [1],
  }),
);

/** The same for what is called on a value: `value.method(…)`. */
export const METHODS: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries({
    all: [2],
    bind: [3],
    charAt: [1],
    contains: [1, 2],
    containsCIDR: [1],
    containsIP: [1],
    distinct: [0],
    endsWith: [1],
    equivalent: [2],
    exists: [2],
    exists_one: [2],
    family: [0],
    filter: [2],
    find: [1],
    findAll: [1, 2],
    getDate: [0, 1],
    getDayOfMonth: [0, 1],
    getDayOfWeek: [0, 1],
    getDayOfYear: [0, 1],
    getFullYear: [0, 1],
    getHours: [0, 1],
    getMilliseconds: [0, 1],
    getMinutes: [0, 1],
    getMonth: [0, 1],
    getSeconds: [0, 1],
    hasValue: [0],
    indexOf: [1, 2],
    intersects: [2],
    ip: [0],
    isLinkLocalUnicast: [0],
    isLoopback: [0],
    isSorted: [0],
    isUnspecified: [0],
    join: [0, 1],
    lastIndexOf: [1, 2],
    lowerAscii: [0],
    map: [2, 3],
    masked: [0],
    matches: [1],
    max: [0],
    min: [0],
    none: [0],
    of: [1],
    or: [1],
    orValue: [1],
    prefixLength: [0],
    replace: [2, 3],
    reverse: [0],
    size: [0],
    slice: [2],
    sort: [0],
    split: [1, 2],
    startsWith: [1],
    substring: [1, 2],
    sum: [0],
    trim: [0],
    upperAscii: [0],
    value: [0],
  }),
);

/** Methods whose first argument is a pattern; the second of the function `matches()` is one, too. */
export const PATTERN_METHODS: ReadonlySet<string> = new Set(["matches", "find", "findAll"]);

/**
 * Functions of the library that ours take the place of, because the library's are unbounded, depend on the time zone of
 * the process, or answer otherwise than the language says. The library refuses to have a function replaced, so a call
 * is renamed when it is read.
 */
const REPLACED: ReadonlySet<string> = new Set([
  "duration",
  "getDate",
  "getDayOfMonth",
  "getDayOfWeek",
  "getDayOfYear",
  "getFullYear",
  "getHours",
  "getMilliseconds",
  "getMinutes",
  "getMonth",
  "getSeconds",
  "int",
  "join",
  "lowerAscii",
  "matches",
  "split",
  "string",
  "timestamp",
  "upperAscii",
]);

const PREFIX = "gatehouse_";

/** The name under which a function is known to the library. */
export function libraryName(name: string): string {
  return REPLACED.has(name) ? `${PREFIX}${name}` : name;
}

/** What the library says, with the names the author of an expression knows. */
export function asWritten(message: string): string {
  return message.replaceAll(PREFIX, "");
}
