import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { INTENDED_DIFFERENCES } from "./conformance/intended-differences.ts";
import { isStatus } from "./conformance/normalise.ts";
import type { Observation } from "./conformance/player.ts";
import { isEventful, isWatching } from "./conformance/row.ts";
import { ALL_ROWS } from "./conformance/rows/all.ts";
import { type Setting, startSetting } from "./conformance/setting.ts";
import type { Signed } from "./conformance/signing/play.ts";
import { SIGNING_ROWS, signRows } from "./conformance/signing/signing.ts";
import { findControlPlane } from "./support/real-apiserver.ts";

jest.setTimeout(300_000);

/** Rows without a watch that are played at the same time; watches wait more than they work. */
const LANES = 16;

const NAMED_ROWS = ALL_ROWS.map((row, index) => ({ row, objectName: `row-${index}` }));

interface Outcome {
  readonly ours: readonly Observation[];
  readonly theirs: readonly Observation[];
}

const programs = findControlPlane();
const describeBesideKubernetes = programs === undefined ? describe.skip : describe;
/** A machine without them has nothing to compare with; its run says so by a skipped test of each kind. */
const shown = <T>(rows: readonly T[]): readonly T[] => (programs === undefined ? rows.slice(0, 1) : rows);
const intended = new Map(
  INTENDED_DIFFERENCES.flatMap((difference) => difference.rows.map((name) => [name, difference] as const)),
);
const asIntended = (name: string) => [intended.get(name)?.ours, intended.get(name)?.theirs];
const isIntended = ({ name }: { readonly name: string }): boolean => intended.has(name);
const isAlike = (row: { readonly name: string }): boolean => !isIntended(row);

test("rows have names of their own, and intended differences are those of rows", () => {
  const names = [...ALL_ROWS, ...SIGNING_ROWS].map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect([...intended.keys()].filter((name) => !names.includes(name))).toEqual([]);
});

describeBesideKubernetes(
  "beside etcd, kube-apiserver and kube-controller-manager, if KUBEBUILDER_ASSETS has them",
  () => {
    let setting: Setting;
    let answers: ReadonlyMap<string, Promise<Outcome>>;
    let signatures: ReturnType<typeof signRows>;
    beforeAll(async () => {
      if (programs === undefined) return;
      setting = await startSetting(programs);
      // kube-apiserver ends watches that cannot keep up with it, so that little else happens while they are compared.
      const eventful = playAll(
        setting,
        NAMED_ROWS.filter(({ row }) => isEventful(row)),
      );
      await Promise.allSettled(eventful.values());
      signatures = signRows(programs, setting);
      const quiet = NAMED_ROWS.filter(({ row }) => !isEventful(row));
      answers = new Map([
        ...eventful,
        ...playAll(
          setting,
          quiet.filter(({ row }) => isWatching(row)),
        ),
        ...playAll(
          setting,
          quiet.filter(({ row }) => !isWatching(row)),
          LANES,
        ),
      ]);
      // Each row's test tells what went wrong with it.
      await Promise.allSettled([signatures, ...answers.values()]);
    });
    afterAll(() => setting?.stop());

    const answersTo = async (name: string): Promise<Outcome> => {
      const outcome = await answers.get(name);
      if (outcome === undefined) throw new Error("the row was not played");
      return outcome;
    };
    const signaturesOf = async (name: string) => {
      const signed = (await signatures).get(name);
      if (signed === undefined) throw new Error("the row was not played");
      return signed;
    };

    test.each(shown(ALL_ROWS.filter(isAlike)))("the same answer: $name", async ({ name }) => {
      const { ours, theirs } = await answersTo(name);
      expect(ours).toEqual(theirs);
    });

    test.each(shown(ALL_ROWS.filter(isIntended)))("on purpose not the same answer: $name", async ({ name }) => {
      const { ours, theirs } = await answersTo(name);
      const at = ours.findIndex((observation, index) => !isDeepStrictEqual(observation, theirs[index]));
      expect([outline(ours[at]), outline(theirs[at])]).toEqual(asIntended(name));
    });

    test.each(shown(SIGNING_ROWS.filter(isAlike)))("the same certificate: $name", async ({ name }) => {
      const { ours, theirs } = await signaturesOf(name);
      expect(ours).toEqual(theirs);
    });

    test.each(shown(SIGNING_ROWS.filter(isIntended)))(
      "on purpose not the same certificate: $name",
      async ({ name }) => {
        const { ours, theirs } = await signaturesOf(name);
        expect([ours, theirs].map(({ kind }: Signed) => kind)).toEqual(asIntended(name));
      },
    );
  },
);

/** Plays rows on both servers, at most `lanes` at the same time; a promise for each, so that a failure is its own. */
function playAll({ ours, theirs }: Setting, rows: typeof NAMED_ROWS, lanes = rows.length) {
  const last: Promise<unknown>[] = [];
  return new Map(
    rows.map(({ row, objectName }, index): [string, Promise<Outcome>] => {
      const play = async (): Promise<Outcome> => {
        const [first, second] = await Promise.all([ours.play(row, objectName), theirs.play(row, objectName)]);
        return { ours: first, theirs: second };
      };
      const outcome = (last[index % lanes] ?? Promise.resolve()).then(play);
      last[index % lanes] = outcome.catch(() => undefined);
      return [row.name, outcome];
    }),
  );
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
