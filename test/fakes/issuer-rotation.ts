import type { RotationForce } from "../../services/certificate-authority/domain/issuer-rotation.ts";
import type {
  IssuerRotation,
  IssuerRotationStatus,
  Preparation,
  PrepareOutcome,
} from "../../services/certificate-authority/rotation/issuers/contract.ts";
import type { UserInfo } from "../../services/shared/user-info.ts";

/** Rotation that answers as told; remembers each step. */
export class FakeIssuerRotation implements IssuerRotation {
  readonly steps: (readonly unknown[])[] = [];
  outcome: PrepareOutcome = { kind: "prepared", id: "ab".repeat(32) };
  failure: Error | undefined;
  current: IssuerRotationStatus = {
    name: "default",
    phase: "steady",
    slots: [],
    summary: "0 live node certificates, no rotation under way",
    moved: { count: 0, of: 0 },
    trust: undefined,
    refusal: undefined,
  };

  async status(name: string) {
    return { ...this.current, name };
  }

  async statuses() {
    return [this.current];
  }

  async prepare(name: string, wanted: Preparation, by: string) {
    this.#take("prepare", name, wanted, by);
    return this.outcome;
  }

  async activate(name: string, force: readonly RotationForce[], by: string) {
    this.#take("activate", name, force, by);
  }

  async retire(name: string, id: string | undefined, force: readonly RotationForce[], by: string) {
    this.#take("retire", name, id, force, by);
  }

  async abandon(name: string, by: string) {
    this.#take("abandon", name, by);
  }

  async recover() {
    this.#take("recover");
  }

  #take(...step: readonly unknown[]): void {
    if (this.failure !== undefined) throw this.failure;
    this.steps.push(step);
  }
}

/** Remembers who said which bundle they hold. */
export class FakeTrustObserver {
  readonly reports: { readonly consumer: string; readonly etag: string; readonly bundle: readonly string[] }[] = [];

  holds({ username: consumer }: UserInfo, etag: string, bundle: readonly string[]): void {
    this.reports.push({ consumer, etag, bundle });
  }
}
