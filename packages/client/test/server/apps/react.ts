/** A component whose effect listens and leaves, without JSX. */
import { createElement, useEffect, useState } from "react";
import { io, type Socket } from "socket.io-client";

export function useSocket(url: string): { socket: Socket | undefined; connected: boolean; messages: string[] } {
  const [socket, setSocket] = useState<Socket>();
  const [connected, setConnected] = useState(false);
  const [messages, setMessages] = useState<string[]>([]);
  useEffect(() => {
    const socket = io(url, { autoConnect: false, forceNew: true });
    const onConnect = () => setConnected(true);
    const onDisconnect = () => setConnected(false);
    const onMessage = (text: string) => setMessages((messages) => [...messages, text]);
    socket.on("connect", onConnect);
    socket.on("disconnect", onDisconnect);
    socket.on("msg", onMessage);
    socket.connect();
    setSocket(socket);
    return () => {
      socket.off("connect", onConnect);
      socket.off("disconnect", onDisconnect);
      socket.off("msg", onMessage);
      socket.disconnect();
    };
  }, [url]);
  return { socket, connected, messages };
}

export function App({ url, see }: { url: string; see: (state: ReturnType<typeof useSocket>) => void }) {
  const state = useSocket(url);
  useEffect(() => void see(state));
  return createElement("ul", null, ...state.messages.map((text, i) => createElement("li", { key: i }, text)));
}
