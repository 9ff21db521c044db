import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { startAdminServer } from "./admin-server.ts";

const directory = temporaryDirectory();
let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());

function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
}

test("a machine is enrolled, shown, banned and released", async () => {
  const enrolled = await server.command(["machine", "enroll", "tpm2", "m/1", "--node", "worker-1", "--ip", "10.0.0.1"]);
  expect(enrolled).toEqual({
    code: 0,
    stdout: [
      "ATTESTOR   MACHINE   STATE    ENROLLED AS   BOUND TO   LAST ATTESTED",
      "tpm2       m/1       active   worker-1      <none>     <never>",
      "",
    ].join("\n"),
    stderr: "",
  });
  const shown = await server.command(["machine", "show", "tpm2", "m/1"]);
  expect(shown.stdout).toMatch(/Names: +10\.0\.0\.1/);
  expect(shown.stdout).toContain("never bound");
  expect(await server.command(["machine", "ban", "tpm2", "m/1"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("nothing was banned"),
  });
  const other = await server.command(["machine", "ban", "tpm2", "m/1", "--confirm", "m/2"]);
  expect(other.stderr).toContain("--confirm names m/2, not m/1");
  const banned = await server.command(["machine", "ban", "tpm2", "m/1", "--confirm", "m/1", "--message", "stolen"]);
  expect(banned).toMatchObject({ code: 0, stdout: "machine m/1 banned\n" });
  expect(server.attestations.changes.at(-1)).toMatch(/ban m\/1: stolen/);
  const released = await server.command(["machine", "release", "tpm2", "m/1", "--confirm", "m/1"]);
  expect(released.stdout).toBe("machine m/1 released\n");
});

test.each([
  ["a.yaml", "- {attestor: tpm2, machineId: y1, nodeName: worker-2, dnsNames: [w2.example]}\n"],
  ["a.csv", "# racks\nattestor,machineId,nodeName,dnsNames,ipAddresses\ntpm2,c1,worker-3,w3.example w3.lan,10.0.0.3\n"],
])("the inventory %s is imported", async (name, text) => {
  const { code, stdout } = await server.command(["machine", "import", file(name, text), "-o", "json"]);
  expect(code).toBe(0);
  const [machine] = JSON.parse(stdout).items;
  expect(machine).toMatchObject({ kind: "Machine", enrolled: true });
  expect(machine.dnsNames).toContain(name === "a.csv" ? "w3.lan" : "w2.example");
});

test.each([
  ["b.csv", "machine,name\nm,n\n", /another heading/],
  ["c.csv", "attestor,machineId,nodeName,dnsNames,ipAddresses\ntpm2,m\n", /line 2: it has 2 fields/],
  ["d.yaml", "nodes: {}\n", /is no inventory/],
  ["e.yaml", "- {a: [\n", /is no YAML/],
  ["g.yaml", "- *nobody\n", /g\.yaml is no YAML: Unresolved alias/],
  ["f.yaml", "- {attestor: msi, machineId: m}\n", /machines\.0\.attestor/],
])("the inventory %s is refused in words", async (name, text, message) => {
  const { code, stderr } = await server.command(["machine", "import", file(name, text)]);
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
});

test("of a long inventory it is said how much was taken, and where what is wrong is counted from", async () => {
  const machines = Array.from({ length: 501 }, (_, number) => ({
    ...{ attestor: "join_token", machineId: `machine-${number}`, nodeName: `long-${number}` },
    ...{ dnsNames: [], ipAddresses: [] },
  }));
  const broken = machines.with(500, { ...machines[500], nodeName: "no name" } as (typeof machines)[number]);
  const { code, stderr } = await server.command(["machine", "import", file("long.yaml", JSON.stringify(broken))]);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/^500 of 501 machines\nmachines 501 to 501 were not taken:\n/),
  ]);
  const mended = await server.command(["machine", "import", file("long.yaml", JSON.stringify(machines))]);
  expect([mended.code, mended.stderr]).toEqual([0, "500 of 501 machines\n501 of 501 machines\n"]);
});

test("an inventory that is not there is named", async () => {
  const { stderr } = await server.command(["machine", "import", join(directory, "none.yaml")]);
  expect(stderr).toContain("cannot read");
});
