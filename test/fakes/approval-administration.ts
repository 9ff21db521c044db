import type {
  ApprovalAdministration,
  ApprovalStatus,
} from "../../services/certificate-authority/domain/approval-status.ts";

/** Tells of a chain that has no hooks, until told of another. */
export class FakeApprovalAdministration implements ApprovalAdministration {
  answer: ApprovalStatus = { since: new Date("2026-01-01T00:00:00Z"), guards: {}, hooks: [], file: undefined };

  status() {
    return this.answer;
  }
}
