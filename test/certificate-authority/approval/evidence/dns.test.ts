import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  type DnsQuestions,
  type DnsSettings,
  dnsSource,
} from "../../../../services/certificate-authority/approval/evidence/dns.ts";
import { NameServer } from "../../../fakes/name-server.ts";

const SETTINGS: DnsSettings = {
  suffixes: ["example.com"],
  bareNodeName: false,
  ranges: ["10.0.0.0/24", "fd00::/64"],
  timeoutSeconds: 2,
};

let server: NameServer;
let servers: readonly string[];
beforeEach(async () => {
  server = new NameServer();
  servers = [await server.listen()];
});
afterEach(() => server.close());

const POINTER = "PTR 1.0.0.10.in-addr.arpa";
const FORWARD = "A worker-1.example.com";

test.each([
  {
    name: "both directions agree",
    records: [
      [POINTER, "Worker-1.example.com"],
      [FORWARD, "10.0.0.1"],
    ],
    isShown: true,
  },
  { name: "no PTR record", records: [[FORWARD, "10.0.0.1"]], says: "no PTR record names the node" },
  {
    name: "a PTR record of another node",
    records: [
      [POINTER, "worker-10.example.com"],
      [FORWARD, "10.0.0.1"],
    ],
    says: "no PTR record names the node",
  },
  {
    name: "a PTR record in another domain",
    records: [
      [POINTER, "worker-1.example.org"],
      [FORWARD, "10.0.0.1"],
    ],
    says: "no PTR record names the node",
  },
  {
    name: "a name that does not resolve",
    records: [[POINTER, "worker-1.example.com"]],
    says: "does not resolve to it",
  },
  {
    name: "a name that resolves to another address",
    records: [
      [POINTER, "worker-1.example.com"],
      [FORWARD, "10.0.0.2"],
    ],
    says: "does not resolve to it",
  },
] as const)("dns: $name", async ({ records, isShown = false, ...more }) => {
  for (const [question, answer] of records) server.records.set(question, answer);
  const answer = await dnsSource({ ...SETTINGS, servers }).show("worker-1", { kind: "ip", name: "10.0.0.1" });
  expect(answer).toMatchObject({
    isShown,
    ...("says" in more && { says: expect.stringContaining(more.says), cure: expect.any(String) }),
    ...(isShown && { isExact: false }),
  });
});

test("dns: addresses outside the ranges are not looked up, and names not at all", async () => {
  const source = dnsSource({ ...SETTINGS, servers });
  expect(await source.show("worker-1", { kind: "ip", name: "10.0.1.1" })).toMatchObject({ isShown: false });
  expect(await source.show("worker-1", { kind: "dns", name: "worker-1.example.com" })).toBeUndefined();
  expect(server.questions).toEqual([]);
});

test("dns: a server that does not answer is no answer, in bounded time", async () => {
  server.isSilent = true;
  const source = dnsSource({ ...SETTINGS, servers, timeoutSeconds: 0.2 });
  await expect(source.show("worker-1", { kind: "ip", name: "10.0.0.1" })).rejects.toThrow("DNS: ETIMEOUT");
});

test("dns: IPv6, and the bare name of the node", async () => {
  const pointers: string[] = [];
  const questions: DnsQuestions = {
    async resolvePtr(name) {
      pointers.push(name);
      return ["other", "worker-1"];
    },
    resolve4: () => Promise.reject(new Error("not asked")),
    resolve6: async (name: string) => (name === "worker-1" ? ["FD00:0::1"] : []),
  };
  const source = dnsSource({ ...SETTINGS, bareNodeName: true }, questions);
  expect(await source.show("worker-1", { kind: "ip", name: "fd00::1" })).toMatchObject({ isShown: true });
  expect(await source.show("worker-1", { kind: "ip", name: "fd00::2" })).toMatchObject({ isShown: false });
  expect(pointers[0]).toBe(`1.${"0.".repeat(29)}d.f.ip6.arpa`);
});
