import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { DEFAULT_FEATURE_GATES } from "../../../services/node-authorizer/domain/feature-gates.ts";
import { OBJECT_KINDS, type ObjectKind } from "../../../services/node-authorizer/domain/graph/object-kind.ts";
import { createNodeAuthorizer, type NodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";
import { accessQuestion, nodeUser } from "../../builders/node-questions.ts";
import { NaiveGraph } from "./naive-graph.ts";
import { eventOf, NAMES, NAMESPACES, NODES, type PlannedEvent, plannedEvents } from "./plans.ts";

const GATES = { ...DEFAULT_FEATURE_GATES, PodCertificateRequest: true };
const CLUSTER_SCOPED: readonly ObjectKind[] = ["persistentVolume", "volumeAttachment", "resourceSlice"];

function built(events: readonly PlannedEvent[]): { authorizer: NodeAuthorizer; naive: NaiveGraph } {
  const authorizer = createNodeAuthorizer({ featureGates: GATES });
  const naive = new NaiveGraph();
  for (const event of events) {
    authorizer.apply(eventOf(event));
    naive.apply(event.type, event.plan);
  }
  return { authorizer, naive };
}

/** Every (vertex, node) pair that may be asked about, as the naive graph writes them, with the graph's answer. */
function answers(authorizer: NodeAuthorizer): Map<string, boolean> {
  const found = new Map<string, boolean>();
  for (const { kind, group, resource } of OBJECT_KINDS) {
    if (kind === "node") continue;
    for (const namespace of CLUSTER_SCOPED.includes(kind) ? [""] : NAMESPACES) {
      for (const name of NAMES) {
        for (const node of NODES) {
          const question = accessQuestion({ user: nodeUser(node), group, resource, namespace, name });
          found.set(`${kind}/${namespace}/${name} > ${node}`, authorizer.authorize(question).verdict === "allow");
        }
      }
    }
  }
  return found;
}

function granted(authorizer: NodeAuthorizer): string[] {
  return [...answers(authorizer)].flatMap(([pair, isAllowed]) => (isAllowed ? [pair] : [])).sort();
}

test("after any events, the graph answers as the naive one does", () => {
  fc.assert(
    fc.property(plannedEvents, (events) => {
      const { authorizer, naive } = built(events);
      expect(granted(authorizer)).toEqual([...naive.grants()].sort());
    }),
    { numRuns: 200 },
  );
});

test("and after each of them", () => {
  fc.assert(
    fc.property(plannedEvents, (events) => {
      const authorizer = createNodeAuthorizer({ featureGates: GATES });
      const naive = new NaiveGraph();
      for (const event of events) {
        authorizer.apply(eventOf(event));
        naive.apply(event.type, event.plan);
        expect(granted(authorizer)).toEqual([...naive.grants()].sort());
      }
    }),
    { numRuns: 15 },
  );
});

test("the log of changes, played from the beginning, ends at what is granted", () => {
  fc.assert(
    fc.property(plannedEvents, (events) => {
      const { authorizer } = built(events);
      const played = new Set<string>();
      const { changes, isComplete } = authorizer.changesSince(0);
      for (const { change, node, object } of changes) {
        const pair = `${object.kind}/${object.namespace}/${object.name} > ${node}`;
        expect(played.has(pair)).toBe(change === "withdrawn");
        if (change === "granted") played.add(pair);
        else played.delete(pair);
      }
      expect(isComplete).toBe(true);
      expect([...played].sort()).toEqual(granted(authorizer));
    }),
    { numRuns: 100 },
  );
});

test("when everything has been deleted, nothing is left", () => {
  fc.assert(
    fc.property(plannedEvents, (events) => {
      const { authorizer } = built(events);
      for (const { plan } of events) authorizer.apply(eventOf({ type: "DELETED", plan }));
      const { vertices, edges } = authorizer.sizes();
      expect(edges).toBe(0);
      expect(Object.values(vertices).every((count) => count === 0)).toBe(true);
      expect(granted(authorizer)).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test("a list that takes the place of what is known leads to the same as starting from it", () => {
  fc.assert(
    fc.property(plannedEvents, plannedEvents, (before, after) => {
      const pods = [...new Map(after.map((event) => [`${event.plan.kind}/${event.plan.name}`, event])).values()]
        .filter(({ plan }) => plan.kind === "Pod")
        // Another uid than any event's: a list after a gap shows what is new, not what an event could not have changed.
        .map(({ plan }) => eventOf({ type: "ADDED", plan: { ...plan, uid: "listed" } as typeof plan }));
      const { authorizer } = built(before.filter(({ plan }) => plan.kind === "Pod"));
      const fresh = createNodeAuthorizer({ featureGates: GATES });
      const objects = pods.flatMap((event) => (event.kind === "Pod" ? [event.object] : []));
      authorizer.replace("Pod", objects);
      fresh.replace("Pod", objects);
      expect(granted(authorizer)).toEqual(granted(fresh));
      expect(authorizer.sizes().edges).toBe(fresh.sizes().edges);
    }),
    { numRuns: 100 },
  );
});
