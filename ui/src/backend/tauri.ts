import { Channel, invoke } from '@tauri-apps/api/core';
import { getCurrentWebview } from '@tauri-apps/api/webview';

import type { Backend } from './index';
import type { NumberedEvent } from './types';

export const tauri: Backend = {
  call: (name, request) => invoke('call', { name, request }),

  async subscribe(after, listener) {
    const channel = new Channel<NumberedEvent>();
    channel.onmessage = listener;
    await invoke('subscribe', { after, channel });
  },

  async onDrop(listener) {
    await getCurrentWebview().onDragDropEvent(({ payload }) => {
      if (payload.type === 'drop') listener({ phase: 'dropped', paths: payload.paths });
      else if (payload.type === 'leave') listener({ phase: 'left' });
      else listener({ phase: 'over' });
    });
  },
};
