import { expect, test } from "@jest/globals";
import type { AccessAttributes } from "../../../services/certificate-authority/domain/authorization.ts";
import { clusterAuthorizer } from "../../../services/certificate-authority/kubernetes/cluster-authorizer.ts";
import type { ClusterConnection } from "../../../services/certificate-authority/kubernetes/cluster-connection.ts";

const BOOTSTRAPPER = { username: "system:bootstrap:abcdef", uid: "", groups: ["system:bootstrappers"], extra: {} };
const MAY_JOIN: AccessAttributes = {
  kind: "resource",
  ...{ verb: "create", group: "certificates.k8s.io", version: "*" },
  ...{ resource: "certificatesigningrequests", subresource: "nodeclient" },
};

/** A cluster whose answers the test gives. */
function answering() {
  const reviews: { readonly spec: { readonly user: string } }[] = [];
  const answers: { give(allowed: boolean): void; fail(): void }[] = [];
  const send: ClusterConnection["send"] = (_method, _path, body) => {
    reviews.push(body as (typeof reviews)[number]);
    return new Promise((resolve, reject) => {
      answers.push({
        give: (allowed) => resolve({ status: { allowed, reason: `answer ${reviews.length}` } }),
        fail: () => reject(new Error("socket hang up")),
      });
    });
  };
  const authorizer = clusterAuthorizer({ send });
  const ask = (user = BOOTSTRAPPER) => Promise.resolve(authorizer.authorize(user, MAY_JOIN));
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { ask, reviews, answers, settled };
}

test("a question that is asked already is asked once more, for all who came meanwhile", async () => {
  const { ask, reviews, answers, settled } = answering();
  const first = ask();
  const meanwhile = [ask(), ask(), ask()];
  expect(reviews).toHaveLength(1);
  answers[0]?.give(true);
  await expect(first).resolves.toMatchObject({ allowed: true });
  await settled();
  expect(reviews).toHaveLength(2);
  // The right was taken away in between: nobody gets an answer from before they asked.
  answers[1]?.give(false);
  for (const each of meanwhile) await expect(each).resolves.toMatchObject({ allowed: false, reason: "answer 2" });
});

test("nothing is remembered: who asks when nobody does any more is answered anew", async () => {
  const { ask, reviews, answers, settled } = answering();
  const first = ask();
  answers[0]?.give(true);
  await first;
  await settled();
  const second = ask();
  answers[1]?.give(false);
  await expect(second).resolves.toMatchObject({ allowed: false });
  expect(reviews).toHaveLength(2);
});

test("who asks about others, or between an answer and the next question, shares with nobody too early", async () => {
  const { ask, reviews, answers, settled } = answering();
  const [first, waiting] = [ask(), ask()];
  void ask({ ...BOOTSTRAPPER, username: "system:bootstrap:zyxwvu" });
  expect(reviews.map(({ spec }) => spec.user)).toEqual(["system:bootstrap:abcdef", "system:bootstrap:zyxwvu"]);
  answers[0]?.give(true);
  await first;
  await settled();
  const late = ask();
  answers[2]?.give(true);
  await waiting;
  await settled();
  expect(reviews).toHaveLength(4);
  answers[3]?.give(false);
  await expect(late).resolves.toMatchObject({ allowed: false });
});

test("a question that fails fails for who asked it, and the next is asked all the same", async () => {
  const { ask, answers, settled } = answering();
  const [first, next] = [ask(), ask()];
  answers[0]?.fail();
  await expect(first).rejects.toThrow("socket hang up");
  await settled();
  answers[1]?.give(true);
  await expect(next).resolves.toMatchObject({ allowed: true });
});
