import { connect, type Socket } from "node:net";
import { clientHello, handshakeMessage, sharedSecret } from "./hellos.ts";
import { digest, KeySchedule, type PhaseSecrets, verifyData } from "./key-schedule.ts";
import { CONTENT, contentLength, HEADER_BYTES, Opener, plainRecord, Sealer } from "./records.ts";

const MESSAGE = { certificate: 11, certificateRequest: 13, finished: 20, keyUpdate: 24 } as const;
const MESSAGE_HEAD_BYTES = 4;
const CLOSE_NOTIFY = Buffer.from([1, 0]);
const CHANGE_CIPHER_SPEC = plainRecord(CONTENT.changeCipherSpec, Buffer.from([1]));
/** No context, no certificates: what a client without one answers a server that asks. */
const NO_CERTIFICATE = handshakeMessage(MESSAGE.certificate, Buffer.alloc(4));
const EMPTY = Buffer.alloc(0);
/** One for all connections: what is read into it is used up before anything else is read. */
const RECEIVED = Buffer.allocUnsafe(64 * 1024);

/** What happens on a connection. */
export interface TlsListener {
  onOpen(): void;
  onOctets(octets: Buffer): void;
  /** Last of all; also when the connection could not be made. */
  onEnd(error: Error): void;
}

/**
 * A TLS 1.3 client (RFC 8446) that does no more than a server can see: it takes any certificate, checks neither its
 * signature nor the server's Finished, and knows one cipher suite and one key exchange. It costs the generator half of
 * what `node:tls` does, which matters where servers are measured on the same cores; it protects nothing.
 */
export class TlsClient {
  readonly #socket: Socket;
  readonly #listener: TlsListener;
  /** Octets of a record that is not complete yet. */
  #rest: Buffer = EMPTY;
  #transcript: Buffer = EMPTY;
  #keys: KeySchedule | undefined;
  #handshake: PhaseSecrets | undefined;
  /** Where in the transcript the next of the server's messages begins. */
  #nextMessageAt = 0;
  #isCertificateWanted = false;
  #opener: Opener | undefined;
  /** Absent until the handshake is over. */
  #sealer: Sealer | undefined;
  #failure = new Error("the server closed the connection");

  constructor(host: string, port: number, listener: TlsListener) {
    this.#listener = listener;
    const onread = {
      buffer: RECEIVED,
      callback: (length: number) => {
        this.#take(RECEIVED.subarray(0, length));
        return true;
      },
    };
    this.#socket = connect({ host, port, noDelay: true, onread }, () => {
      this.#transcript = clientHello();
      this.#socket.write(plainRecord(CONTENT.handshake, this.#transcript));
    });
    this.#socket.on("error", (error) => {
      this.#failure = error;
    });
    this.#socket.on("close", () => listener.onEnd(this.#failure));
  }

  /** @throws {Error} before the connection is open. */
  send(octets: Buffer): void {
    this.#socket.write(this.#seal(CONTENT.applicationData, octets));
  }

  /** Says goodbye as TLS wants it; the rest happens by itself. */
  close(): void {
    if (this.#sealer) this.#socket.end(this.#seal(CONTENT.alert, CLOSE_NOTIFY));
    else this.#socket.destroy();
  }

  #seal(type: number, octets: Buffer): Buffer {
    if (this.#sealer === undefined) throw new Error("the connection is not open");
    return this.#sealer.seal(type, octets);
  }

  #take(received: Buffer): void {
    const octets = this.#rest.length === 0 ? received : Buffer.concat([this.#rest, received]);
    let position = 0;
    try {
      while (octets.length - position >= HEADER_BYTES) {
        const end = position + HEADER_BYTES + contentLength(octets, position);
        if (end > octets.length) break;
        this.#takeRecord(octets.subarray(position, end));
        position = end;
      }
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    this.#rest = position === octets.length ? EMPTY : Buffer.from(octets.subarray(position));
  }

  #takeRecord(record: Buffer): void {
    const [type] = record;
    if (type === CONTENT.changeCipherSpec) return;
    if (type === CONTENT.applicationData && this.#opener) {
      const opened = this.#opener.open(record);
      this.#takeContent(opened.type, opened.content);
    } else this.#takeContent(type ?? 0, record.subarray(HEADER_BYTES));
  }

  #takeContent(type: number, content: Buffer): void {
    if (type === CONTENT.alert) this.#takeAlert(content);
    else if (type === CONTENT.applicationData && this.#sealer) this.#listener.onOctets(content);
    else if (type !== CONTENT.handshake) throw new Error(`the server sent a record of type ${type} out of turn`);
    else if (this.#sealer) refuseKeyUpdate(content);
    else if (this.#opener) this.#takeFlight(content);
    else this.#takeHello(content);
  }

  #takeAlert([, description]: Buffer): void {
    if (description === CLOSE_NOTIFY[1]) this.#socket.end();
    else throw new Error(`the server sent TLS alert ${description}`);
  }

  #takeHello(message: Buffer): void {
    this.#keys = new KeySchedule(sharedSecret(message));
    this.#transcript = Buffer.concat([this.#transcript, message]);
    this.#nextMessageAt = this.#transcript.length;
    this.#handshake = this.#keys.handshake(digest(this.#transcript));
    this.#opener = new Opener(this.#handshake.server);
  }

  /** The server's messages up to its Finished; they may be spread over records in any way. */
  #takeFlight(content: Buffer): void {
    this.#transcript = Buffer.concat([this.#transcript, content]);
    while (this.#transcript.length - this.#nextMessageAt >= MESSAGE_HEAD_BYTES) {
      const type = this.#transcript[this.#nextMessageAt];
      const end = this.#nextMessageAt + MESSAGE_HEAD_BYTES + this.#transcript.readUIntBE(this.#nextMessageAt + 1, 3);
      if (end > this.#transcript.length) return;
      this.#nextMessageAt = end;
      if (type === MESSAGE.certificateRequest) this.#isCertificateWanted = true;
      if (type === MESSAGE.finished) this.#finish();
    }
  }

  #finish(): void {
    if (this.#keys === undefined || this.#handshake === undefined) throw new Error("Finished before hello");
    const transcriptHash = digest(this.#transcript);
    const application = this.#keys.application(transcriptHash);
    const sealer = new Sealer(this.#handshake.client);
    const answer: Buffer[] = [CHANGE_CIPHER_SPEC];
    let hash = transcriptHash;
    if (this.#isCertificateWanted) {
      answer.push(sealer.seal(CONTENT.handshake, NO_CERTIFICATE));
      hash = digest(Buffer.concat([this.#transcript, NO_CERTIFICATE]));
    }
    const finished = handshakeMessage(MESSAGE.finished, verifyData(this.#handshake.client, hash));
    answer.push(sealer.seal(CONTENT.handshake, finished));
    this.#socket.write(Buffer.concat(answer));
    this.#sealer = new Sealer(application.client);
    this.#opener = new Opener(application.server);
    this.#transcript = EMPTY;
    this.#nextMessageAt = 0;
    this.#listener.onOpen();
  }
}

/** Session tickets need no answer; new keys would, but no server here ever changes them. */
function refuseKeyUpdate([type]: Buffer): void {
  if (type === MESSAGE.keyUpdate) throw new Error("the server changed its keys");
}
