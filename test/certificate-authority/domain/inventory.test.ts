import { expect, test } from "@jest/globals";
import { holdingOf, linkCertificates, worstState } from "../../../services/certificate-authority/domain/inventory.ts";
import { certificateRecord } from "../../builders/records.ts";

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const day = (days: number) => new Date(START + days * DAY);
/** Lives for ten days: to be renewed from day 7 to day 9. */
const TEN_DAYS = { notBefore: day(0), notAfter: day(10) };
const LATER = new Date(1);

test.each([
  { name: "before the window", now: new Date(day(7).getTime() - 1), state: "fresh" },
  { name: "when the window begins", now: day(7), state: "due" },
  { name: "when it ends", now: day(9), state: "due" },
  { name: "right after", now: new Date(day(9).getTime() + LATER.getTime()), state: "overdue" },
  { name: "in the last instant", now: day(10), state: "overdue" },
  { name: "expired", now: new Date(day(10).getTime() + LATER.getTime()), state: "lost" },
])("what a node has of a signer is $state $name", ({ now, state }) => {
  expect(holdingOf(certificateRecord(TEN_DAYS), now)).toMatchObject({
    ...{ state, renewsItself: true },
    renewal: { begins: day(7), ends: day(9) },
  });
});

test("what is revoked is lost", () => {
  expect(holdingOf(certificateRecord({ ...TEN_DAYS, state: "revoked" }), day(1)).state).toBe("lost");
});

test("the worst state of a node counts", () => {
  expect(worstState([])).toBe("fresh");
  expect(worstState([{ state: "overdue" }, { state: "fresh" }, { state: "due" }])).toBe("overdue");
  expect(worstState([{ state: "overdue" }, { state: "lost" }])).toBe("lost");
});

test.each([
  { name: "in time", began: day(9), isLate: false },
  { name: "late", began: new Date(day(9).getTime() + LATER.getTime()), isLate: true },
])("a certificate that was replaced $name", ({ began, isLate }) => {
  const former = certificateRecord({ serial: "01", ...TEN_DAYS });
  const next = certificateRecord({
    serial: "02",
    notBefore: began,
    notAfter: day(19),
    predecessor: former.fingerprint,
  });
  const twin = certificateRecord({
    serial: "03",
    notBefore: day(12),
    notAfter: day(22),
    predecessor: former.fingerprint,
  });
  const [, , first] = linkCertificates([twin, next, former], day(13));
  expect(first).toEqual({
    ...{ certificate: former, isLate },
    successors: [twin.fingerprint, next.fingerprint],
    replacedAt: began,
  });
});

test("a certificate that nothing replaces is late once its window has passed, unless it was revoked", () => {
  const isLate = (overrides: object, now: Date) =>
    linkCertificates([certificateRecord({ ...TEN_DAYS, ...overrides })], now)[0]?.isLate;
  expect([isLate({}, day(9)), isLate({}, day(9.5)), isLate({}, day(99))]).toEqual([false, true, true]);
  expect(isLate({ state: "revoked" }, day(99))).toBe(false);
  expect(isLate({ signerName: "example.org/other" }, day(99))).toBe(false);
});
