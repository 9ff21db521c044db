import { hash } from "node:crypto";
import { Connection } from "./connection.ts";
import type { LoadJob } from "./contract.ts";
import { certificateIn, nameOfObject } from "./peek.ts";
import type { PreparedRequest } from "./request-pool.ts";
import { SharedWatch } from "./shared-watch.ts";

const CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const PROTOBUF = "application/vnd.kubernetes.protobuf";
const CFSSL_SIGN = "/api/v1/cfssl/sign";

/** One of the clients that work at the same time. */
export interface Client {
  /** Does one piece of work; resolves with the certificate, or "" where the pattern yields none. */
  work(request: PreparedRequest): Promise<string>;
  close(): void;
}

/** What all clients of a job share. */
export interface Crowd {
  client(): Promise<Client>;
  close(): void;
}

export async function crowdFor(job: LoadJob): Promise<Crowd> {
  const url = new URL(job.url);
  const everyTime = (work: Client["work"]): Crowd => ({ client: async () => ({ work, close() {} }), close() {} });
  switch (job.pattern) {
    case "floor":
      return everyTime(() => floor(url));
    case "join":
      return everyTime((request) => join(url, job.token ?? "", request));
    case "cfsslSign":
      return everyTime((request) => withConnection(url, (connection) => cfsslSign(connection, url, request)));
    case "naiveJoin":
      return everyTime((request) => withConnection(url, (connection) => naiveJoin(connection, url, request)));
    case "cfsslSignKeptAlive":
      return { client: () => keptAlive(url, (connection, request) => cfsslSign(connection, url, request)), close() {} };
    case "create":
      return { client: () => keptAlive(url, createOnly(url, job.token ?? "")), close() {} };
    case "createAndWatch":
      return createAndWatch(url, job.token ?? "");
    default:
      return job.pattern satisfies never;
  }
}

async function withConnection<T>(url: URL, talk: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.open(url);
  try {
    return await talk(connection);
  } finally {
    connection.close();
  }
}

async function keptAlive(
  url: URL,
  talk: (connection: Connection, request: PreparedRequest) => Promise<string>,
): Promise<Client> {
  const connection = await Connection.open(url);
  return { work: (request) => talk(connection, request), close: () => connection.close() };
}

function floor(url: URL): Promise<string> {
  return withConnection(url, async (connection) => {
    const { status } = await connection.exchange(get(url, "/", "", "*/*"));
    if (status !== 200) throw new Error(`the floor answered ${status}`);
    return "";
  });
}

/** As a kubelet does it: pkg/kubelet/certificate/bootstrap and client-go's util/certificate/csr. */
function join(url: URL, token: string, request: PreparedRequest): Promise<string> {
  return withConnection(url, async (connection) => {
    const name = await create(connection, url, token, request);
    const selector = `fieldSelector=metadata.name%3D${name}&resourceVersionMatch=NotOlderThan`;
    const path = `${CSRS}?allowWatchBookmarks=true&${selector}&sendInitialEvents=true&timeoutSeconds=566&watch=true`;
    const watch = get(url, path, token, `${PROTOBUF};stream=watch`);
    return connection.watch(watch, (received) => certificateIn(received) ?? refusalIn(received));
  });
}

async function create(connection: Connection, url: URL, token: string, request: PreparedRequest): Promise<string> {
  const { status, body } = await connection.exchange(post(url, CSRS, token, PROTOBUF, request.protobufBody));
  const name = nameOfObject(body);
  if (status !== 201 || name === "") throw new Error(`creation answered ${status}: ${body.toString("latin1")}`);
  return name;
}

/** Yields no certificate: what becomes of the request is nobody's concern here. */
function createOnly(url: URL, token: string) {
  return async (connection: Connection, request: PreparedRequest): Promise<string> => {
    await create(connection, url, token, request);
    return "";
  };
}

function refusalIn(received: Buffer): undefined {
  const status = received.toString("latin1", 9, 12);
  if (status !== "200") throw new Error(`the watch answered ${status}`);
}

async function cfsslSign(connection: Connection, url: URL, request: PreparedRequest): Promise<string> {
  const { status, body } = await connection.exchange(post(url, CFSSL_SIGN, "", "application/json", request.cfsslBody));
  return certificateOf(status, body, "result");
}

async function naiveJoin(connection: Connection, url: URL, request: PreparedRequest): Promise<string> {
  const posted = await connection.exchange(post(url, "/requests", "", "application/json", request.naiveBody));
  if (posted.status !== 201) throw new Error(`creation answered ${posted.status}: ${posted.body.toString("latin1")}`);
  const { id } = JSON.parse(posted.body.toString()) as { id: string };
  const { status, body } = await connection.exchange(get(url, `/requests/${id}`, "", "application/json"));
  return certificateOf(status, body, undefined);
}

function certificateOf(status: number, body: Buffer, member: string | undefined): string {
  if (status !== 200) throw new Error(`the server answered ${status}: ${body.toString("latin1")}`);
  const answer = JSON.parse(body.toString()) as Record<string, unknown>;
  const { certificate } = (member === undefined ? answer : answer[member]) as { certificate: string };
  return certificate;
}

async function createAndWatch(url: URL, token: string): Promise<Crowd> {
  const watch = await SharedWatch.open(url, get(url, `${CSRS}?watch=true`, token, `${PROTOBUF};stream=watch`));
  return {
    client: () =>
      keptAlive(url, async (connection, request) => watch.certificateOf(await create(connection, url, token, request))),
    close: () => watch.close(),
  };
}

function get({ host }: URL, path: string, token: string, accept: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${bearer(token)}accept: ${accept}\r\n\r\n`);
}

function post({ host }: URL, path: string, token: string, type: string, body: Buffer): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\n${bearer(token)}accept: ${type}\r\ncontent-type: ${type}\r\n`;
  return Buffer.concat([Buffer.from(`${head}content-length: ${body.length}\r\n\r\n`), body]);
}

function bearer(token: string): string {
  return token === "" ? "" : `authorization: Bearer ${token}\r\n`;
}

/** Lower-case hex SHA-256 of a certificate's DER: how ledgers name it. */
export function fingerprintOf(pem: string): string {
  return hash("sha256", Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ""), "base64"));
}
