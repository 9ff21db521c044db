import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { expect, test } from "@jest/globals";
import { createRevocationWaiters } from "../../../../services/certificate-authority/http/admin-api/revocation-waiters.ts";
import { FakeRevocationFeed } from "../../../fakes/revocations.ts";

const response = (): ServerResponse => new EventEmitter() as ServerResponse;

test("a thousand may wait; more are turned away, and room is made by those who leave", async () => {
  const feed = new FakeRevocationFeed();
  const waiters = createRevocationWaiters(feed);
  const [first = response(), ...others] = Array.from({ length: 1000 }, response);
  const waiting = [first, ...others].map((each) => waiters.wait(0, 60, each));
  await expect(waiters.wait(0, 60, response())).rejects.toMatchObject({ reason: "TooManyRequests" });
  first.emit("close");
  await waiting[0];
  const next = waiters.wait(0, 60, response());
  feed.add({ serial: "01" });
  await Promise.all([...waiting, next]);
  waiters.close();
});

test("a server that stops lets everybody go", async () => {
  const waiters = createRevocationWaiters(new FakeRevocationFeed());
  const waiting = waiters.wait(0, 60, response());
  waiters.close();
  await waiting;
  await waiters.wait(0, 60, response());
});
