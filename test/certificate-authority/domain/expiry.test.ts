import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { expectationOf, expiryStateAt } from "../../../services/certificate-authority/domain/expiry.ts";
import { RETRY_SECONDS, renewalWindow } from "../../../services/certificate-authority/domain/kubelet-renewal.ts";

const CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
const DAY = 86_400_000;
const NOT_BEFORE = new Date("2026-01-01T00:00:00Z");
const after = (days: number, milliseconds = 0) => new Date(NOT_BEFORE.getTime() + days * DAY + milliseconds);
const certificate = { signerName: CLIENT, notBefore: NOT_BEFORE, notAfter: after(100) };

test.each([
  { name: "before it begins", now: after(-1), state: "fresh" },
  { name: "a moment before the window", now: after(70, -1), state: "fresh" },
  { name: "as the window begins", now: after(70), state: "due" },
  { name: "as the window ends", now: after(90), state: "due" },
  { name: "a moment after the window", now: after(90, 1), state: "overdue" },
  { name: "at its last instant", now: after(100), state: "overdue" },
  { name: "a moment after its end", now: after(100, 1), state: "lost" },
] as const)("a certificate $name is $state", ({ now, state }) => {
  expect(expectationOf(certificate, now).state).toBe(state);
});

test("a kubelet asks between 0.7 and 0.9 of the lifetime, the backdate included, and again while nobody approves", () => {
  const expected = { renewalBegins: after(70), renewalEnds: after(90), renewsItself: true };
  expect(expectationOf(certificate, after(10))).toMatchObject({ ...expected, shareThatAsked: 0 });
  expect(expectationOf(certificate, after(10)).asksAgainWithinSeconds).toBeUndefined();
  expect(expectationOf(certificate, after(75)).shareThatAsked).toBeCloseTo(0.25);
  expect(expectationOf(certificate, after(95))).toMatchObject({ shareThatAsked: 1, asksAgainWithinSeconds: 936 });
  expect(RETRY_SECONDS).toBeGreaterThan(15 * 60);
});

test("nobody else asks by itself; the same shares of the lifetime say when somebody should", () => {
  const own = { ...certificate, signerName: "gatehouse.dev/administrator" };
  expect(expectationOf(own, after(95))).toMatchObject({ state: "overdue", renewsItself: false });
  expect(expectationOf(own, after(95)).asksAgainWithinSeconds).toBeUndefined();
});

test("property: a kubelet that is asked at its moment is due, and states only get worse with time", () => {
  const order = ["fresh", "due", "overdue", "lost"];
  fc.assert(
    fc.property(
      fc.integer({ min: 600, max: 4_000 * 86_400 }),
      fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      fc.integer({ min: 0, max: 2_000 }),
      (seconds, jitter, step) => {
        const notAfter = new Date(NOT_BEFORE.getTime() + seconds * 1000);
        const asks = NOT_BEFORE.getTime() + seconds * 1000 * (0.7 + 0.2 * jitter);
        const { begins, ends } = renewalWindow({ notBefore: NOT_BEFORE, notAfter });
        expect(asks).toBeGreaterThanOrEqual(begins.getTime() - 1);
        expect(asks).toBeLessThanOrEqual(ends.getTime() + 1);
        const at = (share: number) =>
          order.indexOf(
            expiryStateAt(NOT_BEFORE.getTime(), notAfter.getTime(), NOT_BEFORE.getTime() + seconds * 1000 * share),
          );
        expect(at((step + 1) / 1000)).toBeGreaterThanOrEqual(at(step / 1000));
      },
    ),
  );
});
