import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { attestationGrant, verifiedAttestation } from "../../builders/attestation.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const NOW = new Date("2026-01-10T00:00:00.000Z");
const ATTESTOR = "x509pop";
const MACHINES = ["m-0", "m-1", "m-2"] as const;
const NODES = ["node-0", "node-1"] as const;
const UIDS = ["u-0", "u-1", "u-2"] as const;

const machineId = fc.constantFrom(...MACHINES);
const nodeName = fc.constantFrom(...NODES);
/** Of the credentials that were given out, from the last one back. */
const credential = fc.nat({ max: 3 });
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("complete"), machineId, nodeName, isGone: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("use"), credential, uid: fc.constantFrom(...UIDS) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("release"), machineId }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("ban"), machineId }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("enroll"), machineId, nodeName }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("revoke"), credential }) },
) as fc.Arbitrary<Step>;

type Step =
  | { kind: "complete"; machineId: string; nodeName: string; isGone: boolean }
  | { kind: "use"; credential: number; uid: string }
  | { kind: "release" | "ban"; machineId: string }
  | { kind: "enroll"; machineId: string; nodeName: string }
  | { kind: "revoke"; credential: number };

/** A ledger's attestations, with what was given out and used so far. */
class Fleet {
  readonly #opened: TestLedger;
  readonly #given: { readonly id: string; readonly bindingId: string }[] = [];
  readonly #uses = new Map<string, Set<string>>();

  constructor(opened: TestLedger) {
    this.#opened = opened;
  }

  get #attestations() {
    return this.#opened.ledger.attestations;
  }

  async take(step: Step): Promise<void> {
    const attestations = this.#attestations;
    if (step.kind === "complete") return this.#complete(step);
    if (step.kind === "enroll") {
      const names = { dnsNames: [], ipAddresses: [] };
      const { kind: _kind, ...machine } = step;
      return attestations.enroll([{ attestor: ATTESTOR, names, ...machine }], "alice");
    }
    if ("machineId" in step) {
      const machine = { attestor: ATTESTOR, machineId: step.machineId };
      return void (await attestations.change(machine, step.kind, "", "alice"));
    }
    const given = this.#given.at(-1 - step.credential);
    if (given === undefined) return undefined;
    if (step.kind === "revoke") return void (await attestations.revokeCredential(given.id, ""));
    const use = await attestations.useCredential(given.id, step.uid);
    if (use.kind === "used") this.#uses.set(given.id, (this.#uses.get(given.id) ?? new Set()).add(step.uid));
  }

  async #complete({ nodeName, isGone, ...machine }: Step & { kind: "complete" }): Promise<void> {
    const replaces = isGone ? this.#attestations.bindingOf(nodeName)?.id : undefined;
    const attestation = verifiedAttestation({ machineId: machine.machineId, nodeName, replaces, pins: {} });
    const grant = attestationGrant(NOW);
    const answer = await this.#attestations.complete(attestation, grant);
    if ("binding" in answer) this.#given.push({ id: grant.credential.id, bindingId: answer.binding.id });
  }

  check(): void {
    const attestations = this.#attestations;
    const active = MACHINES.flatMap((machineId) => attestations.bindingsOf(ATTESTOR, machineId)).filter(
      ({ state }) => state === "active",
    );
    expect(new Set(active.map(({ nodeName }) => nodeName)).size).toBe(active.length);
    expect(new Set(active.map(({ machineId }) => machineId)).size).toBe(active.length);
    for (const { machineId, nodeName, id } of active) {
      expect(attestations.machine(ATTESTOR, machineId)?.state).toBe("active");
      expect(attestations.bindingOf(nodeName)?.id).toBe(id);
    }
    const usable = this.#given.filter(({ id }) => attestations.credential(id)?.state === "issued");
    // Whoever lost its name, or attested again, has nothing left that could be used.
    expect(usable.every(({ bindingId }) => active.some(({ id }) => id === bindingId))).toBe(true);
    expect(new Set(usable.map(({ bindingId }) => bindingId)).size).toBe(usable.length);
    for (const uids of this.#uses.values()) expect(uids.size).toBe(1);
  }

  async finish(): Promise<void> {
    await this.#opened.reopen();
    this.check();
    expect((await this.#opened.ledger.maintenance.verify()).problems).toEqual([]);
  }
}

test("whatever happens, and at a time, a name is one machine's, a machine has one name, and a credential one use", async () => {
  const together = fc.array(step, { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.array(together, { maxLength: 10 }), async (rounds) => {
      const opened = await openTestLedger({ clock: new SettableClock(NOW) });
      try {
        const fleet = new Fleet(opened);
        for (const steps of rounds) {
          await Promise.all(steps.map((each) => fleet.take(each)));
          fleet.check();
        }
        await fleet.finish();
      } finally {
        await opened.close();
      }
    }),
    { numRuns: 12 },
  );
}, 120_000);
