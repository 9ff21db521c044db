import { APPROVED, CUSTOM, condition, csr, DENIED, FAILED, withConditions } from "../csr-body.ts";
import { get, post, put, type Row, type Target } from "../row.ts";

const OLD = "2020-02-02T02:02:02Z";
const EXISTING = [post(csr())];

function conditions(name: string, ...list: readonly object[]): readonly Row[] {
  return (["/approval", "/status"] as const).map((target) => ({
    name: `conditions ${target}: ${name}`,
    given: EXISTING,
    asked: [put(target, withConditions(...list)), get()],
  }));
}

const RULES: readonly Row[] = [
  ...conditions("no type", { status: "True" }),
  ...conditions("empty type", condition("")),
  ...conditions("no status", { type: "Approved" }),
  ...conditions("empty status", condition("Failed", { status: "" })),
  ...conditions("nothing at all", {}),
  ...conditions("null in the list", null as unknown as object),
  ...(["Approved", "Denied", "Failed", "Custom"] as const).flatMap((type) =>
    ["False", "Unknown", "true", "Maybe"].flatMap((status) =>
      conditions(`${type} ${status}`, condition(type, { status })),
    ),
  ),
  ...conditions("the same custom type twice", CUSTOM, CUSTOM),
  ...conditions("the same custom type three times", CUSTOM, CUSTOM, CUSTOM),
  ...conditions("Failed twice", FAILED, FAILED),
  ...conditions("Approved twice", APPROVED, APPROVED),
  ...conditions("Approved and Denied twice", APPROVED, DENIED, DENIED),
  ...conditions("Approved and Failed", APPROVED, FAILED),
  ...conditions("Denied and Failed", DENIED, FAILED),
  ...conditions("two without type", condition(""), condition("")),
  ...conditions("type of odd letters", condition("a b/c\n")),
  ...conditions("reason and message empty", condition("Custom", { reason: "", message: "" })),
  ...conditions(
    "long reason and message",
    condition("Custom", { reason: "r".repeat(5000), message: "m".repeat(50_000) }),
  ),
  ...conditions(
    "every rule at once",
    APPROVED,
    DENIED,
    { type: "", status: "" },
    condition("Custom", { status: "No" }),
    CUSTOM,
    CUSTOM,
  ),
];

const TIMES: readonly Row[] = [
  ...conditions("times unset", condition("Custom")),
  ...conditions("times null", condition("Custom", { lastUpdateTime: null, lastTransitionTime: null })),
  ...conditions("times given", condition("Custom", { lastUpdateTime: OLD, lastTransitionTime: OLD })),
  ...conditions("times with fractions", condition("Custom", { lastUpdateTime: "2020-02-02T02:02:02.987654Z" })),
  ...conditions("times with an offset", condition("Custom", { lastUpdateTime: "2020-02-02T02:02:02+05:30" })),
  ...conditions("times of year 1", condition("Custom", { lastUpdateTime: "0001-01-01T00:00:00Z" })),
  ...conditions("times in the future", condition("Custom", { lastUpdateTime: "2999-01-01T00:00:00Z" })),
  ...conditions("times without zone", condition("Custom", { lastUpdateTime: "2020-02-02T02:02:02" })),
  ...conditions("times a date", condition("Custom", { lastUpdateTime: "2020-02-02" })),
  ...conditions("times with a blank", condition("Custom", { lastUpdateTime: "2020-02-02 02:02:02Z" })),
  ...conditions("times in lower case", condition("Custom", { lastUpdateTime: "2020-02-02t02:02:02z" })),
  ...conditions("times empty", condition("Custom", { lastUpdateTime: "" })),
  ...conditions("times of a bad day", condition("Custom", { lastUpdateTime: "2021-02-29T00:00:00Z" })),
  ...conditions("times with a leap second", condition("Custom", { lastUpdateTime: "2016-12-31T23:59:60Z" })),
  ...conditions("times of hour 24", condition("Custom", { lastUpdateTime: "2020-02-02T24:00:00Z" })),
  ...conditions("times of a bad offset", condition("Custom", { lastUpdateTime: "2020-02-02T02:02:02+25:00" })),
  ...conditions("times with a comma", condition("Custom", { lastUpdateTime: "2020-02-02T02:02:02,5Z" })),
];

/** A second write of the same condition: what becomes of its times. */
function rewritten(name: string, target: Target, first: object, second: object): Row {
  return {
    name: `conditions ${target}: ${name}`,
    given: [post(csr()), put(target, withConditions(first))],
    asked: [put(target, withConditions(second)), get()],
  };
}

const TRANSITIONS: readonly Row[] = (["/approval", "/status"] as const).flatMap((target) => [
  rewritten(
    "the transition time stays",
    target,
    condition("C", { lastTransitionTime: OLD, lastUpdateTime: OLD }),
    condition("C"),
  ),
  rewritten(
    "the transition time moves with the status",
    target,
    condition("C", { lastTransitionTime: OLD }),
    condition("C", { status: "False" }),
  ),
  rewritten("another type has a time of its own", target, condition("C", { lastTransitionTime: OLD }), condition("D")),
  rewritten(
    "a new reason leaves the transition time",
    target,
    condition("C", { lastTransitionTime: OLD }),
    condition("C", { reason: "New" }),
  ),
  rewritten(
    "given times replace stored ones",
    target,
    condition("C", { lastTransitionTime: OLD }),
    condition("C", { lastTransitionTime: "2021-01-01T00:00:00Z" }),
  ),
  rewritten(
    "exactly the same",
    target,
    condition("C", { lastTransitionTime: OLD, lastUpdateTime: OLD }),
    condition("C", { lastTransitionTime: OLD, lastUpdateTime: OLD }),
  ),
]);

/** The rules for conditions and the times the server fills in. */
export const CONDITIONS: readonly Row[] = [...RULES, ...TIMES, ...TRANSITIONS];
