import { expect, test } from "@jest/globals";
import { examine, lines } from "./examine.ts";

const withApproval = (approval: object) => ({ settings: { approval } });

test("the usual chain is sound", async () => {
  expect(await examine("approval.chain")).toMatchObject([{ outcome: "ok" }]);
});

test.each([
  {
    name: "a name that is taken",
    approval: { hooks: [{ "kubelet-client": { name: "first-join" } }] },
    says: ["error approval.hooks[0]: its name first-join is taken"],
  },
  {
    name: "two of one name",
    approval: { hooks: [{ "kubelet-client": {} }, { "kubelet-client": {} }] },
    says: ["error approval.hooks[1]: its name kubelet-client is taken"],
  },
  {
    name: "a signer that is not served",
    approval: { hooks: [{ "kubelet-client": { signers: ["example.com/*"] } }] },
    says: ["warning approval.hooks[0]: kubelet-client is never asked: nobody here is the signer example.com/*"],
  },
  {
    name: "people alone",
    approval: { hooks: [{ manual: { required: true } }] },
    says: ["warning approval.hooks[0]: people are all there is: every request waits for one"],
  },
  {
    name: "a person for everything",
    approval: { hooks: [{ "kubelet-client": {} }, { manual: { required: true } }] },
    says: ["warning approval.hooks[1]: is required for every request: no hook approves alone"],
  },
  {
    name: "names that change hands",
    approval: { guards: { firstJoin: "allow" } },
    says: [
      "warning approval.guards.firstJoin: allow: whoever may join becomes any node that there is, with the approval of hooks alone",
    ],
  },
])("what is doubtful is named: $name", async ({ approval, says }) => {
  expect(lines(await examine("approval.chain", withApproval(approval)))).toEqual(says);
});

test("without a server nothing is known of what is in force", async () => {
  expect(await examine("approval.in-force")).toMatchObject([{ outcome: "skipped" }]);
});

function serverThatSays(body: object, status = 200) {
  const answer = { status, date: undefined, body: JSON.stringify(body) };
  return { server: { url: "https://127.0.0.1:9443", get: async () => answer } };
}

test.each([
  {
    name: "a file that is in force",
    scene: serverThatSays({ configurationFile: { path: "/g.yaml", needsRestart: [] } }),
    says: ["ok /g.yaml: is in force"],
  },
  {
    name: "a file that cannot be used, and settings that wait",
    scene: serverThatSays({
      configurationFile: { path: "/g.yaml", problem: { message: "no such hook" }, needsRestart: ["log.level"] },
    }),
    says: [
      "error /g.yaml: is not in force: no such hook",
      "warning /g.yaml: changed, and taken at the next start: log.level",
    ],
  },
  {
    name: "no file",
    scene: serverThatSays({}),
    says: ["ok https://127.0.0.1:9443: runs without a configuration file"],
  },
  {
    name: "a server that does not tell",
    scene: serverThatSays({}, 403),
    says: ["skipped https://127.0.0.1:9443: does not tell; see server.ready"],
  },
])("what is in force: $name", async ({ scene, says }) => {
  expect(lines(await examine("approval.in-force", scene))).toEqual(says);
});
