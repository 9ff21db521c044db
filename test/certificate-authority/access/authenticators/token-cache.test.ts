import { expect, test } from "@jest/globals";
import type { Outcome } from "../../../../services/certificate-authority/access/authenticators/authenticator.ts";
import { cacheTokens } from "../../../../services/certificate-authority/access/authenticators/token-cache.ts";
import { user } from "../../../builders/users.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const ALICE: Outcome = { kind: "user", user: user("alice") };
const WRONG: Outcome = { kind: "refused", reason: "wrong", isLasting: true };
const LATER: Outcome = { kind: "refused", reason: "later", isLasting: false };

function setUp(outcomeOf: (token: string) => Outcome, maximumEntries = 100) {
  const clock = new SettableClock();
  const asked: string[] = [];
  const inner = {
    name: "inner",
    judges: "token",
    authenticate: async (token: string) => {
      asked.push(token);
      return outcomeOf(token);
    },
  } as const;
  const cached = cacheTokens(inner, { successSeconds: 10, failureSeconds: 5, clock, maximumEntries });
  return { cached, clock, asked };
}

test.each<{ name: string; outcome: Outcome; seconds: number; asked: number }>([
  { name: "a user just before the end", outcome: ALICE, seconds: 9.999, asked: 1 },
  { name: "a user from the end on", outcome: ALICE, seconds: 10, asked: 2 },
  { name: "a lasting refusal just before the end", outcome: WRONG, seconds: 4.999, asked: 1 },
  { name: "a lasting refusal from the end on", outcome: WRONG, seconds: 5, asked: 2 },
  { name: "a refusal that may end otherwise", outcome: LATER, seconds: 0, asked: 2 },
  { name: "nobody", outcome: { kind: "nobody" }, seconds: 0, asked: 2 },
])("$name: asked $asked times", async ({ outcome, seconds, asked: times }) => {
  const { cached, clock, asked } = setUp(() => outcome);
  expect(await cached.authenticate("t")).toBe(outcome);
  clock.advance(seconds);
  expect(await cached.authenticate("t")).toBe(outcome);
  expect(asked).toHaveLength(times);
});

test("a user is never remembered beyond the token's own end", async () => {
  const validUntil = new Date("2026-01-02T03:04:08Z");
  const { cached, clock, asked } = setUp(() => ({ ...ALICE, validUntil }) as Outcome);
  await cached.authenticate("t");
  clock.set("2026-01-02T03:04:07.999Z");
  await cached.authenticate("t");
  expect(asked).toHaveLength(1);
  clock.set(validUntil);
  await cached.authenticate("t");
  await cached.authenticate("t");
  expect(asked).toHaveLength(3);
});

test("tokens are told apart, and the same one shown at once is looked at once", async () => {
  const { cached, asked } = setUp((token) => ({ kind: "user", user: user(token) }));
  const outcomes = await Promise.all(["a", "b", "a", "a"].map(async (token) => cached.authenticate(token)));
  expect(outcomes.map((each) => each.kind === "user" && each.user.username)).toEqual(["a", "b", "a", "a"]);
  expect(asked).toEqual(["a", "b"]);
});

test("a flood of wrong tokens pushes out no right one, and memory ends", async () => {
  const { cached, asked } = setUp((token) => (token === "right" ? ALICE : WRONG), 3);
  await cached.authenticate("right");
  for (let index = 0; index < 50; index += 1) await cached.authenticate(`wrong-${index}`);
  await cached.authenticate("right");
  expect(asked.filter((token) => token === "right")).toHaveLength(1);
  await cached.authenticate("wrong-0");
  expect(asked.filter((token) => token === "wrong-0")).toHaveLength(2);
});

test("what is forgotten while it is being found out is not remembered", async () => {
  const { cached, asked } = setUp(() => ALICE);
  const finding = cached.authenticate("t");
  cached.forget();
  await finding;
  await cached.authenticate("t");
  await cached.authenticate("t");
  expect(asked).toHaveLength(2);
});

test("an error is passed on and not remembered", async () => {
  let fails = true;
  const { cached } = setUp(() => {
    if (fails) throw new Error("broken");
    return ALICE;
  });
  await expect(cached.authenticate("t")).rejects.toThrow("broken");
  fails = false;
  expect(await cached.authenticate("t")).toBe(ALICE);
});
