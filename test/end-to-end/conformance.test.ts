import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { INTENDED_DIFFERENCES } from "./conformance/intended-differences.ts";
import { isStatus } from "./conformance/normalise.ts";
import type { Observation } from "./conformance/player.ts";
import type { Row } from "./conformance/row.ts";
import { ALL_ROWS } from "./conformance/rows/all.ts";
import { type Setting, startSetting } from "./conformance/setting.ts";
import { findControlPlane } from "./support/real-apiserver.ts";

jest.setTimeout(300_000);

/** Rows that are played at the same time. */
const LANES = 16;

interface Outcome {
  readonly ours: readonly Observation[];
  readonly theirs: readonly Observation[];
}

// Takes minutes beside a real control plane, so it is asked for: GATEHOUSE_CONFORMANCE=1.
const programs = process.env["GATEHOUSE_CONFORMANCE"] === undefined ? undefined : findControlPlane();
/** A machine without kube-apiserver has nothing to compare with; its run says so as a skipped test. */
const describeBesideKubernetes = programs === undefined ? describe.skip : describe;
const rows = programs === undefined ? ALL_ROWS.slice(0, 1) : ALL_ROWS;
const intended = new Map(
  INTENDED_DIFFERENCES.flatMap((difference) => difference.rows.map((name) => [name, difference] as const)),
);

test("rows have names of their own, and intended differences are those of rows", () => {
  const names = ALL_ROWS.map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect([...intended.keys()].filter((name) => !names.includes(name))).toEqual([]);
});

describeBesideKubernetes("the same answers as kube-apiserver", () => {
  let setting: Setting;
  let outcomes: ReadonlyMap<string, Promise<Outcome>>;
  beforeAll(async () => {
    if (programs === undefined) return;
    setting = await startSetting(programs);
    outcomes = await playAll(setting, rows);
  });
  afterAll(() => setting?.stop());

  const outcomeOf = async ({ name }: Row): Promise<Outcome> => {
    const outcome = outcomes.get(name);
    if (outcome === undefined) throw new Error("the row was not played");
    return outcome;
  };

  test.each(rows.filter(({ name }) => !intended.has(name)))("$name", async (row) => {
    const { ours, theirs } = await outcomeOf(row);
    expect(ours).toEqual(theirs);
  });

  test.each(rows.filter(({ name }) => intended.has(name)))("on purpose not the same: $name", async (row) => {
    const { ours, theirs } = await outcomeOf(row);
    const at = ours.findIndex((observation, index) => !isDeepStrictEqual(observation, theirs[index]));
    const wanted = intended.get(row.name);
    expect([outline(ours[at]), outline(theirs[at])]).toEqual([wanted?.ours, wanted?.theirs]);
  });
});

/** Plays every row on both servers; a promise for each, so that a failure is that of its row. */
async function playAll({ ours, theirs }: Setting, all: readonly Row[]): Promise<ReadonlyMap<string, Promise<Outcome>>> {
  const outcomes = new Map<string, Promise<Outcome>>();
  const left = all.entries();
  const lane = async (): Promise<void> => {
    for (const [index, row] of left) {
      const name = `row-${index}`;
      const played = Promise.all([ours.play(row, name), theirs.play(row, name)]);
      const outcome = played.then(([first, second]) => ({ ours: first, theirs: second }));
      outcomes.set(row.name, outcome);
      await outcome.catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return outcomes;
}

/** Status code, and reason or kind of the body. */
function outline(observation: Observation | undefined): string {
  const { status, body } = observation ?? { status: 0, body: undefined };
  return `${status} ${kindOf(body)}`;
}

function kindOf(body: unknown): string {
  if (body === undefined) return "nothing";
  if (typeof body === "string") return "text";
  if (Array.isArray(body)) return "events";
  const { kind = "object", reason, status } = body as { kind?: string; reason?: string; status?: string };
  return isStatus(body) ? (reason ?? status ?? kind) : kind;
}
