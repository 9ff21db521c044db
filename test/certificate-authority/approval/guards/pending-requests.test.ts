import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { createPendingRequests } from "../../../../services/certificate-authority/approval/guards/pending-requests.ts";
import { facts } from "../../../builders/facts.ts";
import { request } from "../../../builders/request.ts";

interface Step {
  readonly kind: "keep" | "remove" | "removeNamed";
  readonly id: number;
}

const requesterOf = (id: number) => `user-${id % 3}`;
const nodeOf = (id: number) => `node-${id % 2}`;
const csrOf = (id: number) =>
  request({
    metadata: { name: `csr-${id}`, uid: `uid-${id}`, creationTimestamp: new Date(id * 1000).toISOString() },
    spec: { username: requesterOf(id) },
  });
const factsOf = (id: number) => facts({ subject: { commonName: `system:node:${nodeOf(id)}` } });

test("counts and successors are those of what was kept and not removed, whatever came in which order", () => {
  const step = fc.record({
    kind: fc.constantFrom("keep", "keep", "remove", "removeNamed"),
    id: fc.nat({ max: 12 }),
  }) as fc.Arbitrary<Step>;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pending = createPendingRequests();
      const model = new Set<number>();
      for (const { kind, id } of steps) {
        if (kind === "keep") pending.keep(csrOf(id), factsOf(id));
        else if (kind === "remove") pending.remove(`uid-${id}`);
        else pending.removeNamed(`csr-${id}`);
        if (kind === "keep") model.add(id);
        else model.delete(id);
      }
      const left = [...model];
      for (let user = 0; user < 3; user += 1)
        expect(pending.countOfRequester(`user-${user}`)).toBe(left.filter((id) => id % 3 === user).length);
      for (let node = 0; node < 2; node += 1)
        expect(pending.countOfNode(`node-${node}`)).toBe(left.filter((id) => id % 2 === node).length);
      for (let id = 0; id <= 12; id += 1) {
        expect(pending.has(`uid-${id}`)).toBe(model.has(id));
        const newer = left.filter((other) => other > id && other % 6 === id % 6).map((other) => `csr-${other}`);
        const found = pending.newerThan(`uid-${id}`);
        if (!model.has(id) || newer.length === 0) expect(found).toBeUndefined();
        else expect(newer).toContain(found);
      }
    }),
  );
});
