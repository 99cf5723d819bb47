/**
 * When a call that lost its way through the network should look for another: at once when ICE has failed, after a moment
 * when it is only disconnected (which often heals by itself), and not for ever. How to restart is the caller's.
 */
export type RecoveryBounds = {
    /**
     * How long a connection may be disconnected before it is restarted.
     */
    disconnectedMs: number;
    /**
     * Restarts without success in between, after which it is given up.
     */
    maxRestarts: number;
};
/**
 * @typedef {object} RecoveryBounds
 * @property {number} disconnectedMs How long a connection may be disconnected before it is restarted.
 * @property {number} maxRestarts Restarts without success in between, after which it is given up.
 */
/** @type {Readonly<RecoveryBounds>} */
export declare const RECOVERY_BOUNDS: Readonly<RecoveryBounds>;
export declare class IceRecovery {
    #private;
    /**
     * @param {RecoveryBounds} bounds
     * @param {{ restart: () => void, giveUp: () => void }} actions
     */
    constructor(bounds: RecoveryBounds, { restart, giveUp }: {
        restart: () => void;
        giveUp: () => void;
    });
    /** @param {RTCIceConnectionState} state */
    saw(state: RTCIceConnectionState): void;
    stop(): void;
}
