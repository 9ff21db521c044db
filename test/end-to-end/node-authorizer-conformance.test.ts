import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { ACCESS_ROWS, type AccessRow } from "./authorizer-conformance/access-rows.ts";
import { intendedDifferences } from "./authorizer-conformance/intended-differences.ts";
import { play } from "./authorizer-conformance/player.ts";
import { review, type Setting, startSetting } from "./authorizer-conformance/setting.ts";
import { WRITE_ROWS } from "./authorizer-conformance/write-rows.ts";
import { type WriteRow, write } from "./authorizer-conformance/writes/write-row.ts";
import { findControlPlane } from "./support/real-apiserver.ts";

jest.setTimeout(300_000);

const programs = findControlPlane();
/** A machine without a control plane has nothing to compare with; its run says so by skipped tests. */
const describeBesideKubernetes = programs === undefined ? describe.skip : describe;

const SWITCHED =
  "PodCertificateRequest=true,ClusterTrustBundle=true,KubeletServiceAccountTokenForCredentialProviders=false";

test("rows have names of their own", () => {
  for (const rows of [...Object.values(ACCESS_ROWS), ...Object.values(WRITE_ROWS)]) {
    const names = rows.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  }
});

describeBesideKubernetes.each([
  { title: "the default feature gates", gates: "" },
  { title: "feature gates switched", gates: SWITCHED },
])("beside Node and NodeRestriction of kube-apiserver, $title", ({ gates }) => {
  let setting: Setting;
  beforeAll(async () => {
    if (programs !== undefined) setting = await startSetting(programs, temporaryDirectory(), gates);
  });
  afterAll(() => setting?.stop());

  const accessTo = async (row: AccessRow) => {
    const verdict = async (client: Setting["ours"]) => {
      const { status, body } = await review(client, row.spec);
      return status === 201 ? String(JSON.parse(body.toString()).status.allowed) : `${status} ${body.toString()}`;
    };
    return { name: row.name, ours: await verdict(setting.ours), theirs: await verdict(setting.theirs) };
  };

  test.each(Object.entries(ACCESS_ROWS))("access by %s", async (topic, rows) => {
    const { differences, seen } = await play(rows, accessTo);
    expect(differences).toEqual(intendedDifferences(topic, rows));
    // Rows that nobody allows, or everybody, would show little.
    expect(seen.size).toBeGreaterThan(1);
  });

  const written = async (row: WriteRow) => {
    const { ours, theirs, uids } = setting;
    return { name: row.name, ours: await write(ours, uids, row), theirs: await write(theirs, uids, row) };
  };

  test.each(Object.entries(WRITE_ROWS))("writes of %s", async (topic, rows) => {
    const { differences, seen } = await play(rows, written);
    expect(differences).toEqual(intendedDifferences(topic, rows));
    expect(seen.size).toBeGreaterThan(1);
  });
});
