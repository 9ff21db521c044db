import type {
  Attestations,
  Binding,
  Enrollment,
  Machine,
} from "../../services/certificate-authority/domain/attestation.ts";

/** Machines in memory, for what administrators do with them. */
export class FakeMachines implements Pick<Attestations, "machine" | "machines" | "bindingsOf" | "enroll" | "change"> {
  readonly bindings: Binding[] = [];
  readonly #machines = new Map<string, Machine>();
  readonly changes: string[] = [];

  machine(attestor: string, machineId: string): Machine | undefined {
    return this.#machines.get(`${attestor} ${machineId}`);
  }

  machines(after: Pick<Machine, "attestor" | "machineId"> | undefined, limit: number): readonly Machine[] {
    const from = after === undefined ? "" : `${after.attestor} ${after.machineId}`;
    const names = [...this.#machines.keys()].filter((name) => name > from).sort();
    return names.slice(0, limit).flatMap((name) => this.#machines.get(name) ?? []);
  }

  bindingsOf(attestor: string, machineId: string): readonly Binding[] {
    return this.bindings.filter((each) => each.attestor === attestor && each.machineId === machineId);
  }

  async enroll(machines: readonly Enrollment[], actor: string): Promise<void> {
    for (const machine of machines) {
      this.changes.push(`${actor} enrolled ${machine.machineId}`);
      this.#machines.set(`${machine.attestor} ${machine.machineId}`, {
        ...machine,
        ...{ state: "active", isEnrolled: true, pins: {}, attestedAt: undefined, launchedAt: undefined },
        createdAt: new Date("2026-01-02T00:00:00Z"),
      });
    }
  }

  async change(
    { attestor, machineId }: Pick<Machine, "attestor" | "machineId">,
    change: "release" | "ban",
    message: string,
    actor: string,
  ): Promise<Machine | undefined> {
    const known = this.machine(attestor, machineId);
    if (known === undefined) return undefined;
    this.changes.push(`${actor} ${change} ${machineId}: ${message}`);
    const changed: Machine = { ...known, state: change === "ban" ? "banned" : "active" };
    this.#machines.set(`${attestor} ${machineId}`, changed);
    return changed;
  }
}
