import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { WatchStream } from "../../../../services/certificate-authority/http/kubernetes-api/watch-stream.ts";

/** A stream over a connection that tells what is handed to it at a time. */
function openStream() {
  const writes: string[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk.toString("latin1"));
      done();
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => (chunk as Buffer).toString("latin1")).join(""));
      done();
    },
  });
  const request = Object.assign(new IncomingMessage(new Socket()), { httpVersionMajor: 1, httpVersionMinor: 1 });
  const response = new ServerResponse(request);
  response.assignSocket(socket as Socket);
  return { stream: new WatchStream(response, "application/json", 1024 * 1024), writes };
}

test("the headers and all that is sent in the same turn are one write", async () => {
  const { stream, writes } = openStream();
  stream.start();
  await stream.sendAll([Buffer.from("first"), Buffer.from("second")]);
  stream.send(Buffer.from("third"));
  await turn();
  expect(writes).toEqual([
    expect.stringMatching(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n5\r\nthird\r\n$/),
  ]);
});

test("the headers go out when there is nothing to send yet", async () => {
  const { stream, writes } = openStream();
  stream.start();
  await turn();
  expect(writes).toEqual([expect.stringMatching(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n$/)]);
  stream.send(Buffer.from("later"));
  await turn();
  expect(writes.slice(1).join("")).toBe("5\r\nlater\r\n");
});
