import { expect, test } from "@jest/globals";
import { TooManyRightsError, uncoveredRights } from "../../../services/certificate-authority/access/rbac/covers.ts";
import type { PolicyRule } from "../../../services/certificate-authority/access/rbac/objects.ts";
import { policyRule } from "../../builders/rbac.ts";

type Fields = Partial<PolicyRule>;

const on = (overrides: Fields = {}): PolicyRule =>
  policyRule({ verbs: ["get"], apiGroups: ["g"], resources: ["things"], ...overrides });
const paths = (nonResourceURLs: readonly string[], verbs: readonly string[] = ["get"]): PolicyRule =>
  policyRule({ nonResourceURLs, verbs });

test.each<{ name: string; held: readonly PolicyRule[]; wanted: PolicyRule; missing: readonly Fields[] }>([
  { name: "the same", held: [on()], wanted: on(), missing: [] },
  { name: "nothing wanted", held: [], wanted: policyRule(), missing: [] },
  { name: "nothing held", held: [], wanted: on(), missing: [on()] },
  {
    name: "verbs of two rules",
    held: [on(), on({ verbs: ["list"] })],
    wanted: on({ verbs: ["get", "list"] }),
    missing: [],
  },
  { name: "one verb more", held: [on()], wanted: on({ verbs: ["get", "list"] }), missing: [on({ verbs: ["list"] })] },
  { name: "any verb", held: [on({ verbs: ["*"] })], wanted: on({ verbs: ["get", "x"] }), missing: [] },
  {
    name: "any verb wanted",
    held: [on({ verbs: ["get"] })],
    wanted: on({ verbs: ["*"] }),
    missing: [on({ verbs: ["*"] })],
  },
  { name: "any group", held: [on({ apiGroups: ["*"] })], wanted: on({ apiGroups: ["", "x"] }), missing: [] },
  { name: "any group wanted", held: [on()], wanted: on({ apiGroups: ["*"] }), missing: [on({ apiGroups: ["*"] })] },
  { name: "any resource", held: [on({ resources: ["*"] })], wanted: on({ resources: ["a/b"] }), missing: [] },
  {
    name: "a resource's subresource",
    held: [on()],
    wanted: on({ resources: ["things/s"] }),
    missing: [on({ resources: ["things/s"] })],
  },
  {
    name: "that subresource of any",
    held: [on({ resources: ["*/s"] })],
    wanted: on({ resources: ["things/s"] }),
    missing: [],
  },
  { name: "a resource by its subresource", held: [on({ resources: ["*/things"] })], wanted: on(), missing: [on()] },
  { name: "any name covers one", held: [on()], wanted: on({ resourceNames: ["a"] }), missing: [] },
  { name: "one name covers not any", held: [on({ resourceNames: ["a"] })], wanted: on(), missing: [on()] },
  {
    name: "names are compared one by one",
    held: [on({ resourceNames: ["a", "b"] })],
    wanted: on({ resourceNames: ["b", "c"] }),
    missing: [on({ resourceNames: ["c"] })],
  },
  {
    name: "a name that is a star is a name",
    held: [on({ resourceNames: ["*"] })],
    wanted: on({ resourceNames: ["a"] }),
    missing: [on({ resourceNames: ["a"] })],
  },
  { name: "a path", held: [paths(["/a"])], wanted: paths(["/a"]), missing: [] },
  { name: "a path below", held: [paths(["/a/*"])], wanted: paths(["/a/b", "/a/b/*"]), missing: [] },
  {
    name: "a path beside",
    held: [paths(["/a/*"])],
    wanted: paths(["/a", "/ab"]),
    missing: [paths(["/a"]), paths(["/ab"])],
  },
  { name: "any path", held: [paths(["*"])], wanted: paths(["/a", "*"]), missing: [] },
  {
    name: "a path by another verb",
    held: [paths(["/a"])],
    wanted: paths(["/a"], ["post"]),
    missing: [paths(["/a"], ["post"])],
  },
  {
    name: "resources do not cover paths",
    held: [on({ verbs: ["*"], apiGroups: ["*"], resources: ["*"] })],
    wanted: paths(["/a"]),
    missing: [paths(["/a"])],
  },
  { name: "paths do not cover resources", held: [paths(["*"], ["*"])], wanted: on(), missing: [on()] },
  {
    name: "parts of two rules make no third",
    held: [on({ verbs: ["list"] }), on({ resources: ["others"] })],
    wanted: on({ verbs: ["list"], resources: ["others"] }),
    missing: [on({ verbs: ["list"], resources: ["others"] })],
  },
])("uncoveredRights: $name", ({ held, wanted, missing }) => {
  expect(uncoveredRights(held, [wanted])).toEqual(missing.map(policyRule));
});

test("rules that combine to absurdly many rights are refused before they are compared", () => {
  const many = Array.from({ length: 1000 }, (_, index) => `r${index}`);
  const rule = on({ resources: many, resourceNames: many });
  expect(() => uncoveredRights([], [rule])).toThrow(TooManyRightsError);
  expect(() => uncoveredRights([on({ resources: ["*"] })], [on({ resources: many })])).not.toThrow();
});
