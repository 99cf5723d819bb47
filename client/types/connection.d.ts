/**
 * Keeps one WebSocket to the gateway: opens it, notices its death, and opens the next when the policy says so. What is said
 * over it, and when a connection counts as ready, is `signaling.js`'s; the policy is `reconnect.js`'s.
 */
import type { LivenessTimes } from './liveness.js';
import type { ReconnectPolicy, ReconnectDecision } from './reconnect.js';
export type WebSocketLike = {
    readyState: number;
    protocol: string;
    send: (text: string) => void;
    close: (code?: number, reason?: string) => void;
    onopen: ((event: any) => void) | null;
    onmessage: ((event: any) => void) | null;
    onclose: ((event: any) => void) | null;
    onerror: ((event: any) => void) | null;
};
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;
export type Close = {
    code: number;
    reason: string;
    wasClean: boolean;
};
export type Lost = {
    close: Close;
    next: ReconnectDecision;
    attempt: number;
    byUs: boolean;
};
export type Phase = 'closed' | 'connecting' | 'ready' | 'reconnecting';
export type ConnectionSettings = {
    url: string;
    protocols: string[];
    WebSocket: WebSocketConstructor;
    policy: ReconnectPolicy;
    random: () => number;
    liveness: LivenessTimes;
    /**
     * How long a connection may take until it is ready; 0 for ever.
     */
    readyWithinMs: number;
};
export type ConnectionEvents = {
    opened: (protocol: string) => void;
    received: (data: unknown) => void;
    /**
     * The next attempt, if any, is already arranged.
     */
    lost: (lost: Lost) => void;
    /**
     * The server has said nothing for a while: ask it something.
     */
    silent: () => void;
};
/**
 * What is used of a WebSocket: the browser's, or any that works alike (in Node: `ws`).
 * @typedef {object} WebSocketLike
 * @property {number} readyState
 * @property {string} protocol
 * @property {(text: string) => void} send
 * @property {(code?: number, reason?: string) => void} close
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 */
/** @typedef {new (url: string, protocols?: string[]) => WebSocketLike} WebSocketConstructor */
/** @typedef {{ code: number, reason: string, wasClean: boolean }} Close */
/** @typedef {{ close: Close, next: ReconnectDecision, attempt: number, byUs: boolean }} Lost */
/** @typedef {'closed' | 'connecting' | 'ready' | 'reconnecting'} Phase */
/**
 * @typedef {object} ConnectionSettings
 * @property {string} url
 * @property {string[]} protocols
 * @property {WebSocketConstructor} WebSocket
 * @property {ReconnectPolicy} policy
 * @property {() => number} random
 * @property {LivenessTimes} liveness
 * @property {number} readyWithinMs How long a connection may take until it is ready; 0 for ever.
 */
/**
 * @typedef {object} ConnectionEvents
 * @property {(protocol: string) => void} opened
 * @property {(data: unknown) => void} received
 * @property {(lost: Lost) => void} lost The next attempt, if any, is already arranged.
 * @property {() => void} silent The server has said nothing for a while: ask it something.
 */
export declare class Connection {
    #private;
    /**
     * @param {ConnectionSettings} settings
     * @param {ConnectionEvents} events
     */
    constructor(settings: ConnectionSettings, events: ConnectionEvents);
    get phase(): Phase;
    open(): void;
    /** Ends it for good. */
    close(): void;
    /**
     * @param {string} text
     * @returns {boolean} False when there is no open socket: nothing was sent.
     */
    send(text: string): boolean;
    /** The server was asked something before it counts as ready, and has as long for that as for its greeting. */
    expectAnswer(): void;
    /** It has answered, though not yet for good. */
    answered(): void;
    /** The server has greeted: from here the connection counts. */
    ready(): void;
    /** The server has said that it is going away. */
    drain(): void;
    /** @param {number | undefined} retryAfterMs What the server asked for, should the connection end. */
    hint(retryAfterMs: number | undefined): void;
    /**
     * Gives up on this socket, as if it had broken; the policy decides what follows.
     * @param {string} reason
     */
    breakOff(reason: string): void;
}
