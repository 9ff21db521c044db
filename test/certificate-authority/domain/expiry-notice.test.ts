import { expect, test } from "@jest/globals";
import { noticeFor } from "../../../services/certificate-authority/domain/expiry-notice.ts";
import type { NoticeState } from "../../../services/certificate-authority/domain/expiry-records.ts";

const ALL: ReadonlySet<NoticeState> = new Set(["due", "overdue", "lost", "renewed"]);
const LATE: ReadonlySet<NoticeState> = new Set(["overdue", "lost"]);
const told = (certificateId: number, state: "due" | "overdue" | "lost") => ({ certificateId, state });
const now = (certificateId: number, state: "fresh" | "due" | "overdue" | "lost") => ({ certificateId, state });

test.each([
  { name: "a fresh certificate", told: undefined, now: now(1, "fresh"), says: undefined },
  { name: "the first time late", told: undefined, now: now(1, "overdue"), says: "overdue" },
  { name: "the same again", told: told(1, "overdue"), now: now(1, "overdue"), says: undefined },
  { name: "worse", told: told(1, "overdue"), now: now(1, "lost"), says: "lost" },
  { name: "lost at once", told: undefined, now: now(1, "lost"), says: "lost" },
  { name: "a clock that was set back", told: told(1, "lost"), now: now(1, "overdue"), says: undefined },
  { name: "a clock that was set far back", told: told(1, "lost"), now: now(1, "fresh"), says: undefined },
  { name: "renewed", told: told(1, "overdue"), now: now(2, "fresh"), says: "renewed" },
  { name: "renewed, and late again since", told: told(1, "lost"), now: now(2, "overdue"), says: "overdue" },
  {
    name: "an older one, the newer having been revoked",
    told: told(2, "overdue"),
    now: now(1, "fresh"),
    says: undefined,
  },
  { name: "an older one that is late", told: told(2, "overdue"), now: now(1, "lost"), says: "lost" },
] as const)("of $name it says $says", ({ told: before, now: current, says }) => {
  expect(noticeFor(before, current, ALL)).toBe(says);
});

test("states that nobody wants are not said, but a renewal ends what was", () => {
  expect(noticeFor(undefined, now(1, "due"), LATE)).toBeUndefined();
  expect(noticeFor(told(1, "overdue"), now(2, "due"), LATE)).toBe("renewed");
});
