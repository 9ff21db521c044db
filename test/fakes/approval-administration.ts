import type {
  ApprovalAdministration,
  ApprovalStatus,
} from "../../services/certificate-authority/domain/approval-status.ts";
import type { ShadowRecord, ShadowStatus } from "../../services/certificate-authority/domain/shadow.ts";

/** Tells of a chain that has no hooks, until told of another. */
export class FakeApprovalAdministration implements ApprovalAdministration {
  answer: ApprovalStatus = { since: new Date("2026-01-01T00:00:00Z"), guards: {}, hooks: [], file: undefined };

  shadowStatus: ShadowStatus | undefined;

  status() {
    return this.answer;
  }

  shadow() {
    return this.shadowStatus;
  }
}

/** Shadow decisions in memory. */
export class FakeShadowDecisions {
  readonly records: ShadowRecord[] = [];

  async latest(limit: number) {
    return this.records.toReversed().slice(0, limit);
  }
}
