import type { Outcome } from "./player.ts";

/** Where we answer otherwise than kube-apiserver's own, on purpose. */
interface IntendedDifference {
  readonly reason: string;
  readonly topic: string;
  readonly ours: string;
  readonly theirs: string;
  /** Names of rows. */
  readonly rows: readonly string[];
}

const REFUSED = "403 Forbidden";

const INVALID = "a webhook is asked about what is valid only; NodeRestriction is asked before, and refuses it too";
const RESET = "what the API server throws away by itself does not get as far as a webhook, nor into the object";

const INTENDED_DIFFERENCES: readonly IntendedDifference[] = [
  {
    reason: INVALID,
    topic: "new pods",
    ours: "422 Invalid",
    theirs: REFUSED,
    rows: ["for no node", "a resource claim"],
  },
  { reason: INVALID, topic: "everything else", ours: "422 Invalid", theirs: REFUSED, rows: ["request: unreadable"] },
  {
    reason: INVALID,
    topic: "pods",
    ours: "400 BadRequest",
    theirs: REFUSED,
    rows: ["eviction: another's, named as its own"],
  },
  {
    reason:
      "NodeRestriction finds no pod of an empty name, which passes for one that is gone: success, and nothing is deleted",
    topic: "pods",
    ours: REFUSED,
    theirs: "200",
    rows: ["delete all"],
  },
  {
    reason: RESET,
    topic: "nodes",
    ours: "201",
    theirs: REFUSED,
    rows: ["create: with a config source, as system:node:n4"],
  },
  { reason: RESET, topic: "nodes", ours: "200", theirs: REFUSED, rows: ["update: a config source", "status: a taint"] },
  {
    reason:
      "the webhook is configured for what NodeRestriction knows; a node without a name may be refused by RBAC alone",
    topic: "everything else",
    ours: "201",
    theirs: REFUSED,
    rows: ["config map, as system:node:"],
  },
];

/** What of a topic's rows is meant to differ, in their order. */
export function intendedDifferences(topic: string, rows: readonly { readonly name: string }[]): readonly Outcome[] {
  return rows.flatMap(({ name }) => {
    const found = INTENDED_DIFFERENCES.find((each) => each.topic === topic && each.rows.includes(name));
    return found === undefined ? [] : [{ name, ours: found.ours, theirs: found.theirs }];
  });
}
